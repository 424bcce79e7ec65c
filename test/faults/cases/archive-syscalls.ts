import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createArchiver } from '../../../src/archive/index.js';
import { formatRecord } from '../../../src/record.js';
import { badCopies, countValues, storedFiles } from '../archived.js';
import { type FaultCase, type Patch, skipped } from '../case.js';
import { straceProblem } from '../strace.js';
import { KILL, stopEverywhere, type Subject } from './syscalls.js';

/** System calls in the thread that asks for them, in an order that is always the same. */
export const WITHOUT_THREADS: Patch = {
  file: 'src/archive/io.ts',
  find: 'const pooled = promisify;',
  replace: `const pooled = ((call: { name: string }) => async (...args: unknown[]) => {
    const fs = process.getBuiltinModule('node:fs') as unknown as Record<string, (...args: unknown[]) => unknown>;
    const result = fs[call.name + 'Sync']!(...args);
    return call.name === 'write' ? { bytesWritten: result } : call.name === 'read' ? { bytesRead: result } : result;
  }) as unknown as typeof promisify;`,
};

/** Compression too: starting a thread would take most of the time, and another case stops that one. */
const WITHOUT_COMPRESSOR: Patch = {
  file: 'src/archive/thread.ts',
  find: 'signal?.throwIfAborted();\n    clearTimeout(this.#idle);',
  replace: `if (job.kind === 'pack') return (await import('./pack.js')).pack(job);
    return (await import('./compress.js')).summarise(job.path, job.size, true);`,
};

const ERRORS = ['error=ENOSPC', 'error=EIO'];
const CHANGES_NAMES = /^(rename|unlink|link)/;
const CHANGES = /^(rename|unlink|link|open|p?write|fsync|ftruncate)/;
const TODAY = Date.parse('2026-11-21T23:59:00Z');
const OLD = 'cfn-metrics-20010901-2.jsonl';
/** Compressed already when something is added to it. */
export const LATE = 'cfn-metrics-20261121-1.jsonl';
/** Segments that are compressed, or added to. */
export const TODAYS = ['cfn-metrics-20261121-0.jsonl', LATE, 'cfn-metrics-20261121-3.jsonl'];
/** What must be there at the end; 9 is so old that it goes. */
const KEPT = [0, 1, 2, 3, 4, 5, 6];

function line(value: number, time = TODAY): string {
  return formatRecord({ time, agent: 'agent-0', metric: 'm', value });
}

/** How much of {@link LATE} is compressed in the beginning. */
export const LATE_BYTES = line(0).length;

/** An archive in the middle of its life: something to sync, to seal, to rename, to add to, to release and to delete. */
export async function prepare(root: string): Promise<void> {
  const [directory, archive] = [join(root, 'shm'), join(root, 'archive')];
  mkdirSync(directory);
  const archiver = createArchiver({
    ...{ directory, archive, metrics: false, retentionDays: 100_000 },
    ...{ holdMs: 0, finishMs: 0, hotFloorMs: 0 },
  });
  writeFileSync(join(directory, 'cfn-metrics-2.jsonl'), line(9, Date.parse('2001-09-01T12:00:00Z')));
  writeFileSync(join(directory, 'cfn-metrics-1.jsonl'), line(0));
  await archiver.once('all');
  rmSync(join(directory, OLD));
  writeFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(1) + line(2));
  await archiver.sync();
  await archiver.close();
  appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), line(3) + line(8).slice(0, 50));
  appendFileSync(join(directory, LATE), line(4));
  writeFileSync(join(directory, 'cfn-metrics-3.jsonl'), line(5));
}

function paths(root: string): string[] {
  const segments = [...TODAYS, OLD];
  const live = [0, 1, 2, 3].map((shard) => `cfn-metrics-${shard}.jsonl`);
  const suffixes = ['', '.source', '.source.tmp', '.gz', '.gz.tmp', '.gz.json', '.gz.json.tmp'];
  return [
    ...['shm', 'archive', 'shm/cfn-metrics.seal.lock', 'archive/cfn-metrics.archive.lock'],
    ...[...segments, ...live].flatMap((name) => suffixes.map((suffix) => `archive/${name}${suffix}`)),
    ...[...segments, ...live, ...live.map((name) => `${name}.new`)].map((name) => `shm/${name}`),
  ].map((path) => join(root, path));
}

function missing(files: ReturnType<typeof storedFiles>, values: readonly number[]): string[] {
  const counts = countValues(files);
  return values.flatMap((value) => (counts.has(value) ? [] : [`line ${value} is gone`]));
}

/** An archiver that does all there is to do, once. */
export const archiving: Subject = {
  program: 'archive-once.ts',
  settings: [WITHOUT_THREADS, WITHOUT_COMPRESSOR],
  prepare: 'archive-prepare.ts',
  paths,
  afterwards: (root) => {
    const [shm, archive] = [join(root, 'shm'), join(root, 'archive')];
    const wrong = [
      ...missing([...storedFiles(shm), ...storedFiles(archive)], KEPT.slice(0, -1)),
      ...badCopies(shm, archive),
    ];
    // a writer of the next moment
    appendFileSync(join(shm, 'cfn-metrics-3.jsonl'), line(6));
    return wrong;
  },
  atTheEnd: (root) => {
    const archive = join(root, 'archive');
    const files = storedFiles(archive);
    const counts = countValues(files);
    const names = readdirSync(archive);
    return [
      ...missing(files, KEPT),
      ...badCopies(join(root, 'shm'), archive),
      ...[...counts].flatMap(([value, times]) =>
        times > 1 ? [`line ${value} is there ${times} times`] : [],
      ),
      ...(counts.has(9) ? ['what is too old is still there'] : []),
      ...(files.some(({ text }) => text.includes(line(8).slice(0, 50))) ? [] : ['the torn end is gone']),
      ...names.filter((name) => name.endsWith('.tmp')).map((name) => `${name} was left`),
      ...names
        .filter((name) => name.endsWith('.json') && !existsSync(join(archive, name.slice(0, -5))))
        .map((name) => `${name} describes nothing`),
      ...names.flatMap((name) => {
        if (!name.endsWith('.gz')) return [];
        const entry = JSON.parse(readFileSync(join(archive, `${name}.json`), 'utf8')) as { bytes: number };
        const found = files.find(({ file }) => file === name)?.text.length;
        return entry.bytes === found ? [] : [`${name} has ${found} bytes, and ${entry.bytes} in its entry`];
      }),
      ...readdirSync(join(root, 'shm'))
        .filter((name) => /^cfn-metrics-\d{8}-/.test(name))
        .map((name) => `${name} is still in RAM`),
    ];
  },
};

/** The archiver, stopped at every system call of sync, rotation, compression and deletion. */
export const archiveSyscalls: FaultCase = {
  name: 'an archiver stopped at every system call',
  mutants: ['identity after the copy', 'entry after its segment', 'no entry of before', 'old identity first'],
  limitMs: 900_000,
  async run(context) {
    const problem = straceProblem();
    if (problem !== undefined) return skipped(problem);
    const small = context.scale < 1;
    const { points, kills, failures } = await stopEverywhere(
      context,
      archiving,
      small ? [KILL] : [KILL, ...ERRORS],
      // What a mutant does wrong shows between two changes of names.
      ({ action, syscall }) => (small ? CHANGES_NAMES : action === KILL ? /./ : CHANGES).test(syscall),
    );
    const note = `${points} points: SIGKILL${small ? '' : '; ENOSPC and EIO at what changes something'}`;
    return { records: points, kills, lost: 0, duplicated: 0, torn: 0, failures, note };
  },
};
