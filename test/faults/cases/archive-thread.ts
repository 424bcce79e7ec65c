import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, type FaultCase, skipped } from '../case.js';
import { exited } from '../processes.js';
import { everyCall, type Injection, straceProblem } from '../strace.js';
import { archiving, LATE, LATE_BYTES, prepare, TODAYS, WITHOUT_THREADS } from './archive-syscalls.js';
import { KILL } from './syscalls.js';

const ERRORS = ['error=ENOSPC', 'error=EIO'];
/** Programs at a time. */
const AT_ONCE = 3;

/** What one thread makes: one adds to a segment, the other compresses. strace counts the calls of each by itself. */
const MADE = [[LATE], TODAYS.filter((name) => name !== LATE)];

/** A system call at which the archiver is stopped, and whose calls are counted. */
interface Point extends Injection {
  readonly made: readonly string[];
}

/** Runs the archiver under strace; the calls of the thread that does most with these files, in their order. */
async function run(
  { spawn }: Context,
  bundle: string,
  root: string,
  made: readonly string[],
  injection?: Injection,
): Promise<{ calls: string[]; injected: boolean }> {
  const log = `${root}.log`;
  const args = ['-f', '-o', log, ...made.flatMap((name) => ['-P', join(root, 'archive', `${name}.gz.tmp`)])];
  if (injection !== undefined) {
    args.push('-e', `inject=${injection.syscall}:${injection.action}:when=${injection.when}`);
  }
  await exited(spawn('strace', [...args, process.execPath, bundle, root], { stdio: 'ignore' }));
  const threads = new Map<string, string[]>();
  const text = readFileSync(log, 'utf8');
  for (const [, thread = '', call = ''] of text.matchAll(/^(\d+) +(\w+)\(/gm)) {
    threads.set(thread, [...(threads.get(thread) ?? []), call]);
  }
  // The main thread only renames them.
  const [calls = []] = [...threads.values()].sort((a, b) => b.length - a.length);
  return { calls, injected: /\(INJECTED\)|killed by SIGKILL/.test(text) };
}

/** An error in the thread leaves what was there: a plain copy, or the old entry of what was to be added to. */
function isHarmless(root: string): boolean {
  const archive = join(root, 'archive');
  if (readdirSync(archive).some((name) => TODAYS.includes(name))) return true;
  const entry = JSON.parse(readFileSync(join(archive, `${LATE}.gz.json`), 'utf8')) as { bytes: number };
  return entry.bytes === LATE_BYTES;
}

/** The thread that compresses, stopped at every system call that concerns what it makes. */
export const archiveThread: FaultCase = {
  name: "the archiver's thread stopped at every system call",
  mutants: ['compressed bytes that are not on the disk'],
  limitMs: 300_000,
  async run(context) {
    const problem = straceProblem();
    if (problem !== undefined) return skipped(problem);
    const bundle = await context.bundle('archive-once.ts', [WITHOUT_THREADS]);
    const prepared = async (name: string): Promise<string> => {
      const root = join(context.directory, name);
      mkdirSync(root);
      await prepare(root);
      return root;
    };
    const small = context.scale < 1;
    const points: Point[] = [];
    const failures: string[] = [];
    for (const [index, made] of MADE.entries()) {
      const { calls } = await run(context, bundle, await prepared(`whole-${index}`), made);
      if (!calls.includes('fsync')) failures.push(`the thread that makes ${made[0]} was not seen`);
      for (const action of small ? ERRORS : [KILL, ...ERRORS]) {
        points.push(...everyCall(calls, action).map((injection) => ({ ...injection, made })));
      }
    }
    const wanted = points.filter(
      ({ action, syscall }) => action === KILL || !/^(l?stat|close)/.test(syscall),
    );
    const roots = new Map<string, string>();
    const queue = [...wanted.entries()];
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, injection] = next;
        const { action, syscall, when, made } = injection;
        const point = `${action} at ${syscall} ${when}`;
        const root = await prepared(`point-${index}`);
        const { injected } = await run(context, bundle, root, made, injection);
        if (!injected) failures.push(`${point} was never reached`);
        if (action !== KILL && !isHarmless(root)) failures.push(`${point}: compressed all the same`);
        failures.push(...archiving.afterwards(root).map((wrong) => `${point}: ${wrong}`));
        roots.set(root, point);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await exited(context.spawn(process.execPath, [bundle, ...roots.keys()], { stdio: 'inherit' }));
    for (const [root, point] of roots) {
      failures.push(...archiving.atTheEnd(root).map((wrong) => `${point}, then again: ${wrong}`));
    }
    const kills = wanted.filter(({ action }) => action === KILL).length;
    const note = `${wanted.length} points: ${small ? '' : 'SIGKILL, '}ENOSPC and EIO`;
    return { records: wanted.length, kills, lost: 0, duplicated: 0, torn: 0, failures, note };
  },
};
