import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { EMIT, german, LIBRARY, run, storedLines, storedRecords, withoutTime } from './bash.js';
import { has } from '../support/tools.js';

const PACKAGE = join(LIBRARY, '../../..');

describe('cfn-emit', () => {
  it('stores one record', () => {
    const directory = temporaryDirectory();
    const args = ['42', 'task_duration_ms', '1234', 'ms', 'phase=two words', 'é="'];
    expect(run(EMIT, args, { env: { CFN_METRICS_DIR: directory } })).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(storedLines(directory).map(withoutTime)).toEqual([
      '{"agent":"agent-42","metric":"task_duration_ms","value":1234,"unit":"ms","attributes":{"phase":"two words","é":"\\""}}',
    ]);
  });

  it.each([
    [[], 2, 'needs AGENT METRIC VALUE'],
    [['42', 'x'], 2, 'needs AGENT METRIC VALUE'],
    [['42', 'x', '1,5'], 2, 'value must be'],
    [['-', 'x', '1'], 0, ''],
    [['-5', 'x', '1'], 0, ''],
    [['--', '--help', 'x', '1'], 0, ''],
    [['--', '-', 'x', '1'], 0, ''],
    [['--verbose'], 2, 'unknown option --verbose'],
    [['-x', 'x', '1'], 2, 'unknown option -x'],
  ])('%j exits %d', (args, status, message) => {
    const result = run(EMIT, args, { env: { CFN_METRICS_DIR: temporaryDirectory() } });
    expect([result.status, result.stdout]).toEqual([status, '']);
    if (message === '') expect(result.stderr).toBe('');
    else expect(result.stderr).toMatch(new RegExp(`^cfn-emit: ${message}[^\n]*\n$`));
  });

  it('exits 1 where the record could not be stored, whatever CFN_METRICS_STRICT says', () => {
    for (const CFN_METRICS_STRICT of ['', '0', '1']) {
      const env = { CFN_METRICS_DIR: '/no/such/place', CFN_METRICS_STRICT };
      const { status, stderr } = run(EMIT, ['42', 'x', '1'], { env });
      expect(status).toBe(1);
      expect(stderr).toBe('cfn-emit: CFN_METRICS_DIR must be a directory that exists, got /no/such/place\n');
    }
  });

  it('prints its version, and a help whose examples work', () => {
    const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(run(EMIT, ['--version']).stdout).toBe(`${version}\n`);
    const help = run(EMIT, ['--help']);
    expect([help.status, help.stderr]).toEqual([0, '']);
    const examples = /Example:\n((?: {2}.*\n)+)/.exec(help.stdout)?.[1] ?? '';
    const directory = temporaryDirectory();
    const env = { CFN_METRICS_DIR: directory, PATH: `${join(EMIT, '..')}:${process.env['PATH']}` };
    expect(run('bash', ['-euc', examples], { env })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(
      storedRecords(directory)
        .map(({ metric }) => metric)
        .sort(),
    ).toEqual(['build_duration_ms', 'queue_depth', 'queue_depth', 'task_duration_ms']);
  });

  it.skipIf(!has('strace'))('is one process, also by way of the link that npm makes', () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(PACKAGE, join(root, 'node_modules/cfn-metrics'));
    const link = join(root, 'node_modules/.bin/cfn-emit');
    symlinkSync('../cfn-metrics/src/shell/cfn-emit', link);
    const env = { CFN_METRICS_DIR: root };
    run(link, ['42', 'x', '1'], { env });
    const calls = 'trace=clone,clone3,fork,vfork';
    const { status, stderr } = run(link, ['42', 'x', '2'], {
      env,
      under: ['strace', '-f', '-qq', '-e', calls],
    });
    expect([status, stderr]).toEqual([0, '']);
    expect(storedRecords(root).map(({ value }) => value)).toEqual([1, 2]);
  });

  it('is found through any chain of links', () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, 'a b/c'), { recursive: true });
    symlinkSync(EMIT, join(root, 'one'));
    symlinkSync('../../one', join(root, 'a b/c/two'));
    symlinkSync('c/two', join(root, 'a b/three'));
    expect(run(join(root, 'a b/three'), ['42', 'x', '1'], { env: { CFN_METRICS_DIR: root } }).status).toBe(0);
    expect(storedLines(root)).toHaveLength(1);
  });
});

describe('cfn-emit --init', () => {
  it('prints what defines the functions, from wherever it is', () => {
    const root = temporaryDirectory();
    const place = join(root, "it's $(touch executed) a place");
    run('cp', ['-r', join(LIBRARY, '..'), place]);
    const script = `cd "$1"; ev="$("./$2/cfn-emit" --init)"; cd /; set -euo pipefail; eval "$ev"; emit_metric 42 x 1`;
    const args = ['-c', script, 'bash', root, place.slice(root.length + 1)];
    expect(run('bash', args, { env: { CFN_METRICS_DIR: root } })).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    expect(storedLines(root)).toHaveLength(1);
    expect(run('ls', [root]).stdout).not.toMatch(/^executed$/m);
  });

  it('prints one line, also where CDPATH is set', () => {
    const root = temporaryDirectory();
    run('cp', ['-r', join(LIBRARY, '..'), join(root, 'shell')]);
    const { stdout } = run('bash', ['-c', 'cd "$1"; shell/cfn-emit --init', 'bash', root], {
      env: { CDPATH: '.' },
    });
    expect(stdout).toBe(`source ${root}/shell/cfn-metrics.sh\n`);
  });
});

describe('cfn-emit -', () => {
  function feed(input: string | Buffer, env: Record<string, string> = {}) {
    const directory = temporaryDirectory();
    const result = run(EMIT, ['-'], { input, env: { CFN_METRICS_DIR: directory, ...env } });
    return { ...result, directory, records: storedRecords(directory) };
  }

  it('stores a record a line, also a last one without a newline', () => {
    const { status, stderr, records } = feed('1 x 1\n\n   \n\t2   x\t2  ms a=b  \n3 x 3 * ?=[a]');
    expect([status, stderr]).toEqual([0, '']);
    expect(records.sort((a, b) => Number(a['value']) - Number(b['value']))).toMatchObject([
      { agent: 'agent-1', value: 1 },
      { agent: 'agent-2', value: 2, unit: 'ms', attributes: { a: 'b' } },
      { agent: 'agent-3', value: 3, unit: '*', attributes: { '?': '[a]' } },
    ]);
  });

  it('keeps blanks within quotes, and what stands behind a backslash', () => {
    const { status, records } = feed(
      String.raw`"agent one" x 1 "" a="b c" "d e=f" g=\"h\\\ i k="" l='$(id)'`,
    );
    expect(status).toBe(0);
    expect(records).toMatchObject([
      { agent: 'agent one', attributes: { a: 'b c', 'd e': 'f', g: '"h\\ i', k: '', l: "'$(id)'" } },
    ]);
    expect(records[0]).not.toHaveProperty('unit');
  });

  it('names bad lines by their number, counts them, and stores the others', () => {
    const { status, stderr, records } = feed('1 x 1\n1 x\n1 x "2\n1 x 3\n1 x 4\\\n1 x 0x5\n1 x 6\n');
    expect(status).toBe(2);
    expect(stderr.split('\n').slice(0, -1)).toEqual([
      'cfn-emit: line 2: needs AGENT METRIC VALUE [UNIT] [key=value ...]',
      'cfn-emit: line 3: ends within quotes or after a backslash',
      'cfn-emit: line 5: ends within quotes or after a backslash',
      'cfn-emit: line 6: value must be a finite decimal number, NaN, Infinity or -Infinity, got 0x5',
      'cfn-emit: of 7 lines 4 were bad and 0 could not be stored',
    ]);
    expect(records.filter(({ metric }) => metric === 'x').map(({ value }) => value)).toEqual([1, 3, 6]);
  });

  it('names ten bad lines and counts a thousand', () => {
    const { status, stderr } = feed('oops\n'.repeat(1000));
    expect(status).toBe(2);
    expect(stderr.split('\n')).toHaveLength(12);
    expect(stderr).toContain('of 1000 lines 1000 were bad');
  });

  it('exits 1 where lines were good and could not be stored', () => {
    const { status, stderr } = feed('1 x 1\n2 x 2\n', { CFN_METRICS_DIR: '/no/such/place' });
    expect(status).toBe(1);
    expect(stderr.split('\n').slice(0, -1)).toEqual([
      'cfn-emit: line 1: CFN_METRICS_DIR must be a directory that exists, got /no/such/place',
      'cfn-emit: of 2 lines 0 were bad and 2 could not be stored',
    ]);
  });

  it('skips a line that never ends, and any bytes, and lives', () => {
    const long = Buffer.from(`1 x 1\n${'y'.repeat(200_000)}\n1 x 2\n${'z'.repeat(65_536)}\n1 x 3\n`);
    const { status, stderr, records } = feed(
      Buffer.concat([long, Buffer.from([0xff, 0xfe, 0, 0x20, 10]), long]),
      german(),
    );
    expect(status).toBe(2);
    expect(stderr).toContain('cfn-emit: line 2: is over 65535 bytes long\n');
    expect(stderr).toContain('cfn-emit: line 4: is over 65535 bytes long\n');
    expect(records.filter(({ metric }) => metric === 'x').map(({ value }) => value)).toEqual([
      1, 2, 3, 1, 2, 3,
    ]);
  });

  it('waits for the rest of a line longer than TMOUT says', () => {
    const directory = temporaryDirectory();
    const script = `{ printf '1 x 12'; sleep 1.5; printf '3456\\n1 x 7\\n'; } | "$EMIT" -`;
    const env = { CFN_METRICS_DIR: directory, EMIT, TMOUT: '1' };
    expect(run('bash', ['-c', script], { env })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(storedRecords(directory).map(({ value }) => value)).toEqual([123_456, 7]);
  });

  it('stores nothing where TMOUT cannot be ignored', () => {
    const BASH_ENV = join(temporaryDirectory(), 'env');
    writeFileSync(BASH_ENV, 'readonly TMOUT=1');
    const { status, stderr, records } = feed('1 x 1\n', { BASH_ENV });
    expect([status, stderr, records]).toEqual([1, 'cfn-emit: TMOUT must not be read-only\n', []]);
  });

  it('stores the good lines also when nobody reads any more which are bad', () => {
    const directory = temporaryDirectory();
    const script = `exec 2> >(exit 0); wait "$!"; printf '%s\\n' '1 x "' '1 x' '1 x 7' | "$EMIT" -; echo "$?"`;
    const result = run('bash', ['-c', script], { env: { CFN_METRICS_DIR: directory, EMIT } });
    expect([result.status, result.stdout]).toEqual([0, '2\n']);
    expect(storedRecords(directory)).toMatchObject([{ value: 7 }, { metric: 'cfn.metrics.dropped' }]);
  });

  it.skipIf(!has('strace'))('takes no process a line', () => {
    const directory = temporaryDirectory();
    const env = { CFN_METRICS_DIR: directory };
    const input = Array.from({ length: 200 }, (_, i) => `${i % 16} x ${i} ms n=${i} q="a b"\n`).join('');
    run(EMIT, ['-'], { input, env });
    const calls = 'trace=clone,clone3,fork,vfork';
    expect(run(EMIT, ['-'], { input, env, under: ['strace', '-f', '-qq', '-e', calls] }).stderr).toBe('');
    expect(storedLines(directory)).toHaveLength(400);
  });
});
