import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { bash, LIBRARY, ROOT, run, storedLines, storedRecords } from './bash.js';
import { has } from '../support/tools.js';

const ONE_SHARD = { CFN_METRICS_SHARDS: '1', CFN_METRICS_STRICT: '1' };
const SHARD = 'cfn-metrics-0.jsonl';

describe('the directory', () => {
  it('is refused where CFN_METRICS_DIR names none, and not made', () => {
    const missing = join(temporaryDirectory(), 'mis sing');
    const { status, stderr } = bash('emit_metric 1 x 1', {
      env: { CFN_METRICS_DIR: missing, CFN_METRICS_STRICT: '1' },
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^emit_metric: CFN_METRICS_DIR must be a directory that exists, got \/.*mis\\ sing\n$/,
    );
    expect(run('ls', [missing]).status).not.toBe(0);
  });

  it('may have any name, also a relative one', () => {
    const directory = join(temporaryDirectory(), '-n $(id)*\n');
    mkdirSync(directory);
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: './-n $(id)*\n', START: join(directory, '..') };
    expect(bash('cd "$START"; emit_metric 1 x 1', { env })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(storedLines(directory)).toHaveLength(1);
  });

  // Only in a mount namespace of its own can a test take /dev/shm away.
  const hidden = ['unshare', '-m', 'bash', '-c'];
  const hide = 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"';
  const canHide = ROOT && run('true', [], { under: [...hidden, hide, 'bash'] }).status === 0;

  it.skipIf(!canHide)('is a private one in TMPDIR where there is no /dev/shm', () => {
    // Not in RAM, for that is what is hidden.
    const TMPDIR = run('mktemp', ['-d', '/tmp/cfn-test-XXXXXX']).stdout.trim();
    const emit = () =>
      bash('umask 0; emit_metric 1 x 1', { env: { ...ONE_SHARD, TMPDIR }, under: [...hidden, hide, 'bash'] });
    const own = join(TMPDIR, 'cfn-metrics-0');
    try {
      expect(emit()).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(statSync(own).mode & 0o777).toBe(0o700);
      expect(storedLines(own)).toHaveLength(1);
      run('mv', [own, join(TMPDIR, 'elsewhere')]);
      symlinkSync('elsewhere', own);
      expect(emit()).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('CFN_METRICS_DIR') as string,
      });
      expect(storedLines(join(TMPDIR, 'elsewhere'))).toHaveLength(1);
    } finally {
      run('rm', ['-r', TMPDIR]);
    }
  });
});

describe('the file', () => {
  it('is made for this user alone, whatever the umask, and the umask stays', () => {
    const directory = temporaryDirectory();
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory };
    expect(bash('umask 0002; emit_metric 1 x 1; umask', { env }).stdout).toBe('0002\n');
    expect(statSync(join(directory, SHARD)).mode & 0o777).toBe(0o600);
  });

  it('is refused, and nobody waits, where it is a symbolic link, a FIFO or a directory', () => {
    const plant = {
      'is a symbolic link': (path: string) => symlinkSync('target', path),
      'is not a regular file': (path: string) => run('mkfifo', [path]),
      'is not a regular file ': (path: string) => mkdirSync(path),
    };
    for (const [message, put] of Object.entries(plant)) {
      for (const target of [false, true]) {
        const directory = temporaryDirectory();
        if (target) writeFileSync(join(directory, 'target'), '');
        put(join(directory, SHARD));
        const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory };
        const { status, stderr } = bash('emit_metric 1 x 1 || s=$?; emit_metric 1 x 1 || exit $s', { env });
        expect(status).toBe(1);
        // Once, not at each call.
        expect(stderr).toMatch(
          new RegExp(`^emit_metric: .*${SHARD}. ${message.trim()} .*CFN_METRICS_DIR.*init\\)\n$`),
        );
        if (target) expect(readFileSync(join(directory, 'target'), 'utf8')).toBe('');
        expect(run('ls', [directory]).stdout.split('\n').sort()).toEqual([
          '',
          SHARD,
          ...(target ? ['target'] : []),
        ]);
      }
    }
  });
});

describe('what was not stored', () => {
  it('is counted, and stored as a counter with the next record that is', () => {
    const directory = temporaryDirectory();
    const script = `
      emit_metric 7 x bad; emit_metric 7 x 1e999
      (emit_metric 7 x worse) # the subshell's own
      mv "$CFN_METRICS_DIR" "$CFN_METRICS_DIR.away"; emit_metric 7 x 1; mv "$CFN_METRICS_DIR.away" "$CFN_METRICS_DIR"
      emit_metric 'a "b"' y 2; emit_metric 7 x 3; emit_metric 7 x bad; emit_metric 7 x 4`;
    bash(script, { env: { CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: '1' } });
    const stored = storedRecords(directory);
    const drops = stored.filter(({ metric }) => metric === 'cfn.metrics.dropped');
    expect(stored.filter((record) => !drops.includes(record)).map(({ value }) => value)).toEqual([2, 3, 4]);
    const counter = { unit: '{record}', type: 'counter' };
    expect(drops).toMatchObject([
      { ...counter, agent: 'a "b"', value: 2, attributes: { reason: 'invalid' } },
      { ...counter, agent: 'a "b"', value: 1, attributes: { reason: 'refused' } },
      { ...counter, agent: 'agent-7', value: 1, attributes: { reason: 'invalid' } },
    ]);
    expect(Object.keys(drops[0] ?? {}).join()).toBe(
      'timestamp,agent,metric,value,unit,type,attributes,start,writer',
    );
    for (const { writer, start, timestamp } of drops) {
      expect(writer).toMatch(/^\d+-[1-9]\d*-[0-9a-f]{8}$/);
      expect(writer).toBe(drops[0]?.['writer']);
      expect(Date.parse(String(start))).toBeLessThanOrEqual(Date.parse(String(timestamp)));
    }
    expect(drops[2]?.['start']).toBe(drops[0]?.['timestamp']);
  });

  it('belongs to the process that lost it', () => {
    const directory = temporaryDirectory();
    const script = 'emit_metric 1 x bad; (emit_metric 1 x bad; emit_metric 1 x 1); emit_metric 1 x 2';
    bash(script, { env: { CFN_METRICS_DIR: directory } });
    const drops = storedRecords(directory).filter(({ metric }) => metric === 'cfn.metrics.dropped');
    expect(drops.map(({ value }) => value)).toEqual([1, 1]);
    expect(new Set(drops.map(({ writer }) => writer)).size).toBe(2);
  });

  it('is counted on a full file system, said once, and costs nobody else a record', () => {
    const directory = temporaryDirectory();
    // A file size limit ends in a short write too, and needs no mount.
    const script = `
      trap '' XFSZ; ulimit -S -f 2
      for i in {1..30}; do emit_metric 1 x "$i" pad=$PAD || echo lost; done
      ulimit -S -f unlimited; emit_metric 1 x 31 pad=$PAD; emit_metric 1 x 32`;
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory, PAD: 'p'.repeat(100) };
    const { stdout, stderr } = bash(script, { env });
    const lost = stdout.split('\n').length - 1;
    expect(lost).toBeGreaterThan(15);
    expect(stderr).toMatch(/^emit_metric: could not write to [^\n]+: is its file system full\?\n$/);
    const lines = readFileSync(join(directory, SHARD), 'utf8').split('\n').slice(0, -1);
    // The torn record has its neighbour glued to it, and readers cut at the start text.
    const torn = lines.findIndex((line) => line.lastIndexOf('{"timestamp":"') > 0);
    const pieces = lines.flatMap((line, i) =>
      i === torn ? [line.slice(line.lastIndexOf('{"timestamp":"'))] : [line],
    );
    const records = pieces.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records.filter(({ metric }) => metric === 'x')).toHaveLength(32 - lost);
    expect(records.filter(({ metric }) => metric !== 'x')).toMatchObject([
      { metric: 'cfn.metrics.dropped', value: lost, attributes: { reason: 'full' } },
    ]);
  });
});

describe('a file size limit', () => {
  const script = 'ulimit -S -f 1; for i in {1..30}; do emit_metric 1 x "$i"; done; echo alive';
  const limited = (first: string) =>
    bash(`${first}; ${script}`, { env: { CFN_METRICS_DIR: temporaryDirectory(), CFN_METRICS_SHARDS: '1' } });

  it('ends a script that does not ignore SIGXFSZ, and no other, as docs/bash.md says', () => {
    expect(limited(':').stdout).toBe('');
    expect(limited("trap '' XFSZ")).toMatchObject({ status: 0, stdout: 'alive\n' });
  });
});

describe('CFN_METRICS_LOCK', () => {
  it.skipIf(!has('flock'))('takes a shared lock, and does without where it is refused', () => {
    const directory = temporaryDirectory();
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory, CFN_METRICS_LOCK: 'flock' };
    expect(bash('emit_metric 1 x 1; emit_metric 1 x 2', { env })).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    const held = `
      exec 8<"$CFN_METRICS_DIR/${SHARD}"
      flock -s 8; emit_metric 1 x 3; flock -x 8; emit_metric 1 x 4
      flock() { echo never; }; PATH=/nowhere; emit_metric 1 x 5`;
    expect(bash(held, { env })).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(storedRecords(directory).map(({ value }) => value)).toEqual([1, 2, 3, 4, 5]);
    // Nothing is left open: an exclusive lock is free at once.
    expect(bash(`emit_metric 1 x 6; flock -n -x "$CFN_METRICS_DIR/${SHARD}" true`, { env }).status).toBe(0);
  });

  it.skipIf(!has('flock') || !has('strace'))('really asks the kernel', () => {
    const directory = temporaryDirectory();
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory, CFN_METRICS_LOCK: 'flock' };
    const trace = join(directory, 'trace');
    bash('emit_metric 1 x 1', { env, under: ['strace', '-f', '-e', 'trace=flock', '-o', trace] });
    expect(readFileSync(trace, 'utf8')).toMatch(/flock\(9, LOCK_SH\|LOCK_NB\) += 0/);
  });

  it('says that it does not know another word', () => {
    const directory = temporaryDirectory();
    const env = { ...ONE_SHARD, CFN_METRICS_DIR: directory, CFN_METRICS_LOCK: 'fcntl' };
    const { status, stderr } = bash('emit_metric 1 x 1', { env });
    expect([status, stderr]).toEqual([
      0,
      'emit_metric: CFN_METRICS_LOCK must be flock or empty, and is ignored, got fcntl\n',
    ]);
    expect(storedLines(directory)).toHaveLength(1);
  });
});

describe.skipIf(!ROOT)('several users', () => {
  const [ALICE, BOB, GROUP] = [23_001, 23_002, 23_100];

  /** A world-writable sticky directory like /dev/shm, and a copy of the library that everybody can read. */
  function shared(): { readonly directory: string; readonly library: string } {
    const root = temporaryDirectory();
    chmodSync(root, 0o755);
    const directory = join(root, 'shm');
    mkdirSync(directory);
    chmodSync(directory, 0o1777);
    const library = join(root, 'cfn-metrics.sh');
    writeFileSync(library, readFileSync(LIBRARY), { mode: 0o644 });
    return { directory, library };
  }

  function plant(path: string, uid: number, gid: number, mode: number): void {
    writeFileSync(path, '');
    chownSync(path, uid, gid);
    chmodSync(path, mode);
  }

  function as(uid: number, place: ReturnType<typeof shared>, script: string, ...under: string[]) {
    const env = { ...ONE_SHARD, LIBRARY: place.library, CFN_METRICS_DIR: place.directory };
    const who = ['setpriv', `--reuid=${uid}`, `--regid=${GROUP}`, '--clear-groups'];
    return bash(script, { env, under: [...who, ...under] });
  }

  it('append to files of the directory owner that their group may write', () => {
    const place = shared();
    const file = join(place.directory, SHARD);
    plant(file, 0, GROUP, 0o660);
    for (const uid of [ALICE, BOB]) {
      expect(as(uid, place, 'emit_metric "$UID" x 1')).toEqual({ status: 0, stdout: '', stderr: '' });
    }
    expect(storedRecords(place.directory).map(({ agent }) => agent)).toEqual([
      `agent-${ALICE}`,
      `agent-${BOB}`,
    ]);
    expect(statSync(file)).toMatchObject({ uid: 0, gid: GROUP });
    expect(as(ALICE, place, `CFN_METRICS_LOCK=flock emit_metric 1 x 1`).status).toBe(0);
    expect(storedLines(place.directory)).toHaveLength(3);
  });

  it.skipIf(!has('strace'))('never pass O_CREAT with the path of such a file, and fork once a minute', () => {
    const place = shared();
    plant(join(place.directory, SHARD), 0, GROUP, 0o660);
    const trace = ['strace', '-f', '-e', 'trace=openat,open,creat,clone,vfork,fork,clone3'];
    const { status, stderr } = as(ALICE, place, 'for i in 1 2 3; do emit_metric 1 x "$i"; done', ...trace);
    expect(status).toBe(0);
    const opened = stderr.split('\n').filter((line) => line.includes(SHARD));
    expect(opened).toHaveLength(3);
    for (const line of opened) expect(line).not.toContain('O_CREAT');
    expect(stderr.split('\n').filter((line) => /\b(v?fork|clone3?)\(/.test(line)).length).toBeLessThanOrEqual(
      2,
    );
    expect(storedLines(place.directory)).toHaveLength(3);
  });

  it('do not write into what another user planted', () => {
    const place = shared();
    const file = join(place.directory, SHARD);
    plant(file, BOB, GROUP, 0o666);
    for (const uid of [ALICE, 0]) {
      const { status, stderr } = as(uid, place, 'emit_metric 1 x 1');
      expect(status).toBe(1);
      expect(stderr).toMatch(/^emit_metric: [^\n]+ belongs to somebody else [^\n]+cfn-metrics init\)\n$/);
    }
    expect(statSync(file).size).toBe(0);
  });

  it('may not write what is not theirs, and hear so', () => {
    const place = shared();
    plant(join(place.directory, SHARD), 0, 0, 0o660);
    const { status, stderr } = as(ALICE, place, 'emit_metric 1 x 1');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^[^\n]+ may not be written by this user [^\n]+\n$/),
    ]);
  });

  it('make no shard where one is missing among those of a group', () => {
    const place = shared();
    plant(join(place.directory, 'cfn-metrics-15.jsonl'), 0, GROUP, 0o660);
    const { status, stderr } = as(ALICE, place, 'emit_metric 1 x 1');
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^[^\n]+ is missing among shards made for a group [^\n]+\n$/),
    ]);
    expect(run('ls', [place.directory]).stdout).toBe('cfn-metrics-15.jsonl\n');
  });

  it('make theirs beside one that its owner made for itself', () => {
    const place = shared();
    plant(join(place.directory, 'cfn-metrics-15.jsonl'), 0, 0, 0o600);
    expect(as(ALICE, place, 'emit_metric 1 x 1').status).toBe(0);
    // root may write all of them
    plant(join(place.directory, 'cfn-metrics-14.jsonl'), ALICE, ALICE, 0o600);
    chownSync(place.directory, ALICE, ALICE);
    expect(as(0, place, 'emit_metric 2 x 1').status).toBe(0);
  });
});
