import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { cli, shell, store } from './run.js';

const TIME = Date.parse('2026-11-21T12:00:00.000Z');

/** A shard directory and an archive of it: one record in the archive alone, one in both, one in RAM alone. */
function setup() {
  const root = temporaryDirectory();
  const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
  mkdirSync(directory);
  const at = ['--dir', directory, '--archive', archive];
  const archiver = (...more: string[]) => {
    const args = ['archive', ...at, '--finish-after', '0s', '--hot-floor', '0s', ...more];
    expect(cli(args)).toMatchObject({ status: 0 });
  };
  store(directory, 1, [{ time: TIME, value: 1 }]);
  archiver('--rotate-now', '--hot-retention', '0s');
  store(directory, 1, [{ time: TIME + 2, value: 3, agent: 'agent-17', metric: 'other' }]);
  store(directory, 2, [{ time: TIME + 1, value: 2, agent: 'agent-2' }]);
  archiver('--once');
  store(directory, 1, [{ time: TIME + 3, value: 4 }]);
  return { root, directory, archive, at };
}

function values(stdout: string): number[] {
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((text) => (JSON.parse(text) as { value: number }).value);
}

describe('cat', () => {
  it('prints every record once, from RAM and the archive, by time', () => {
    const { directory, archive, at } = setup();
    const whole = cli(['cat', ...at]);
    expect(whole).toMatchObject({ status: 0, stderr: '' });
    expect(values(whole.stdout)).toEqual([1, 2, 3, 4]);
    const env = { CFN_METRICS_DIR: directory, CFN_METRICS_ARCHIVE_DIR: archive };
    expect(cli(['cat'], { env })).toEqual(whole);
    expect(values(cli(['cat', '--no-archive'], { env }).stdout)).toEqual([2, 3, 4]);
    // what is named is read without the archive of something else
    expect(values(cli(['cat', '--dir', directory], { env }).stdout)).toEqual([2, 3, 4]);
    expect(values(cli(['cat', '--dir', archive]).stdout)).toEqual([1, 2, 3]);
    expect(values(cli(['archive', 'cat', '--archive', archive]).stdout)).toEqual([1, 2, 3]);
    const { records } = JSON.parse(cli(['analyze', '--json'], { env }).stdout) as { records: number };
    expect(records).toBe(4);
  });

  it('prints what was asked for', () => {
    const { at } = setup();
    const found = (...args: string[]) => values(cli(['cat', ...at, ...args]).stdout);
    expect(found('--since', '2026-11-21T12:00:00.001Z', '--until', '2026-11-21T12:00:00.003Z')).toEqual([
      2, 3,
    ]);
    expect(found('--metric', 'oth*')).toEqual([3]);
    expect(found('--agent', '2', '--agent', 'agent-1')).toEqual([1, 2, 4]);
    expect(found('--agent', '2', '--metric', 'nothing')).toEqual([]);
    expect(found('--since', '1s')).toEqual([]);
  });

  it('prints lines as they are stored, without what a killed writer left', () => {
    const directory = temporaryDirectory();
    const record = formatRecord({ time: TIME, agent: 'a', metric: 'm', value: 1 });
    const unknown = record.replace('}\n', ',"later":[1]}\n');
    writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), `${record.slice(0, 70)}${record}what\n${unknown}`);
    expect(cli(['cat', '--dir', directory])).toEqual({ status: 0, stdout: record + unknown, stderr: '' });
  });

  it('takes several directories', () => {
    const [a, b] = [temporaryDirectory(), temporaryDirectory()];
    store(a, 1, [
      { time: TIME, value: 1 },
      { time: TIME + 2, value: 3 },
    ]);
    store(b, 1, [{ time: TIME + 1, value: 2 }]);
    const both = ['--dir', a, '--dir', b];
    expect(values(cli(['cat', ...both]).stdout)).toEqual([1, 2, 3]);
    const { stdout, status } = cli(['analyze', ...both]);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`${a}, ${b}`)]);
  });

  it('names what is damaged, prints the rest, and ends with 0', () => {
    const { archive, at, directory } = setup();
    const path = join(archive, 'cfn-metrics-20261121-1.jsonl.gz');
    writeFileSync(path, readFileSync(path).subarray(0, -5));
    mkdirSync(join(directory, 'cfn-metrics-7.jsonl'));
    for (const command of ['cat', 'analyze']) {
      const { status, stderr } = cli([command, ...at]);
      expect(status).toBe(0);
      expect(stderr).toBe(
        `cfn-metrics: ${join(directory, 'cfn-metrics-7.jsonl')} was not read: is not a regular file\n` +
          `cfn-metrics: ${path} is damaged: unexpected end of file; 1 record read\n`,
      );
    }
    expect(values(cli(['cat', ...at]).stdout)).toEqual([1, 2, 3, 4]);
  });

  it('prints nothing where there is nothing', () => {
    expect(cli(['cat', '--dir', temporaryDirectory()])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('ends quietly when nobody reads any more', () => {
    const directory = temporaryDirectory();
    store(
      directory,
      1,
      Array.from({ length: 20_000 }, (_, value) => ({ value })),
    );
    const { status, stdout, stderr } = shell(`set -o pipefail; cfn cat --dir ${directory} | head -n 2`);
    expect([status, stdout.split('\n').length, stderr]).toEqual([0, 3, '']);
  });

  it('prints all of much to a slow reader', () => {
    const directory = temporaryDirectory();
    store(
      directory,
      1,
      Array.from({ length: 50_000 }, (_, value) => ({ value })),
    );
    const { status, stdout } = shell(`set -o pipefail; cfn cat --dir ${directory} | (sleep 0.3; wc -l)`);
    expect([status, stdout.trim()]).toEqual([0, '50000']);
  });

  it.each([
    [['--since', 'soon'], '--since "soon" is no time; try 30s, "5 minutes ago" or 2026-11-21T20:00:00Z'],
    [['--since', '1m', '--until', '2m'], '--since "1m" is after --until "2m"'],
    [['--archive', 'x', '--no-archive'], '--archive and --no-archive exclude each other'],
    [
      ['--agent', 'a\tb'],
      '--agent: agent must be 1 to 128 characters without control characters, got "a\\tb"',
    ],
    [['--arhive', 'x'], 'unknown option "--arhive"; did you mean --archive?'],
  ])('refuses %j', (args, message) => {
    expect(cli(['cat', ...args])).toEqual({ status: 2, stdout: '', stderr: `cfn-metrics: ${message}\n` });
  });

  it('refuses what is named and missing, but not an archive that nobody made yet', () => {
    const directory = temporaryDirectory();
    const missing = join(directory, 'missing');
    const failed = (what: string) => ({
      status: 1,
      stderr: `cfn-metrics: ${what} ${missing} does not exist\n`,
    });
    expect(cli(['cat', '--dir', directory, '--dir', missing])).toMatchObject(failed('directory'));
    expect(cli(['cat', '--dir', directory, '--archive', missing])).toMatchObject(failed('archive'));
    expect(
      cli(['cat'], { env: { CFN_METRICS_DIR: directory, CFN_METRICS_ARCHIVE_DIR: missing } }),
    ).toMatchObject(failed('archive'));
    const env = { CFN_METRICS_DIR: directory, HOME: missing, XDG_STATE_HOME: '' };
    expect(cli(['cat'], { env })).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('finds what left RAM at the beginning of a short time too', () => {
    const root = temporaryDirectory();
    const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
    mkdirSync(directory);
    const env = { CFN_METRICS_DIR: directory, CFN_METRICS_ARCHIVE_DIR: archive };
    const old = Array.from({ length: 5 }, (_, i) => ({ time: Date.now() - 300_000, value: i }));
    store(directory, 1, [...old, { time: Date.now() - 20_000, value: 10 }]);
    const hurry = ['--finish-after', '0s', '--hot-floor', '0s', '--hot-retention', '0s'];
    expect(cli(['archive', '--rotate-now', ...hurry], { env })).toMatchObject({ status: 0 });
    // the archive is needed where the shard is empty, or begins within the time
    expect(values(cli(['cat', '--since', '1m'], { env }).stdout)).toEqual([10]);
    store(directory, 1, [{ value: 11 }]);
    expect(values(cli(['cat', '--since', '1m'], { env }).stdout)).toEqual([10, 11]);
    // and is not where it begins long before
    const shard = join(directory, 'cfn-metrics-1.jsonl');
    writeFileSync(shard, '');
    store(directory, 1, [{ time: Date.now() - 400_000, value: 0 }]);
    appendFileSync(shard, formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'm', value: 12 }));
    expect(values(cli(['cat', '--since', '1m'], { env }).stdout)).toEqual([12]);
  });
});
