import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatRecord } from '../../../src/record.js';
import { bootId, loadPosition } from '../../../src/store/position.js';
import { parseName } from '../../../src/store/shard.js';
import { type Context, type FaultCase, type Outcome, type Patch, skipped } from '../case.js';
import { exited } from '../processes.js';
import { everyCall, type Injection, Stage, straceProblem } from '../strace.js';

/** The end of the program at a system call. */
export const KILL = 'signal=SIGKILL';
const ERRORS = ['ENOSPC', 'EIO', 'EINTR', 'EMFILE'].map((code) => `error=${code}`);
/** Programs at a time. */
const AT_ONCE = 3;
/** So many points are tried before anybody looks whether a mutant is caught. */
const PART = 12;
/** Directories that one process goes through afterwards. */
const AGAIN = 100;

/** Something that is stopped at every system call, and must be whole afterwards. */
export interface Subject {
  readonly program: string;
  /** Further patches of the program. */
  readonly settings?: readonly Patch[];
  readonly prepare: (directory: string) => void | Promise<void>;
  readonly paths: (directory: string) => string[];
  /** What is wrong after it was stopped, and what a writer does then. */
  readonly afterwards: (directory: string) => string[];
  /** What is wrong after it ran once more, undisturbed. */
  readonly atTheEnd: (directory: string) => string[];
}

const BEFORE_MIDNIGHT = Date.UTC(2026, 10, 21, 23, 59, 59, 900);
const LIVE = 'cfn-metrics-0.jsonl';
const SEALED = 'cfn-metrics-20261121-0.jsonl';

function line(value: number): string {
  return formatRecord({ time: BEFORE_MIDNIGHT + value * 50, agent: 'agent-0', metric: 'm', value });
}

const sealing: Subject = {
  program: 'seal-once.ts',
  prepare: (directory) => writeFileSync(join(directory, LIVE), line(0) + line(1) + line(2)),
  paths: (directory) =>
    ['.', LIVE, SEALED, `${LIVE}.new`, 'cfn-metrics.seal.lock'].map((name) => join(directory, name)),
  afterwards: (directory) => {
    const live = join(directory, LIVE);
    if (!existsSync(live)) return ['the live path is gone'];
    // a writer of the next day
    appendFileSync(live, line(3));
    return [];
  },
  atTheEnd: (directory) => {
    const names = readdirSync(directory).filter((name) => parseName(name) !== undefined);
    const lines = names.flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'));
    const wrong = [0, 1, 2, 3].flatMap((value) => {
      const times = lines.filter((text) => `${text}\n` === line(value)).length;
      return times === 1 ? [] : [`line ${value} is there ${times} times`];
    });
    if (!existsSync(join(directory, LIVE))) wrong.push('the live path is gone');
    if (!names.includes(SEALED)) wrong.push(`there is no ${SEALED}`);
    return wrong;
  },
};

const POSITION = 'position.json';
const OLD = { boot: bootId(), files: [{ dev: '1', ino: '1', offset: 1 }] };

const saving: Subject = {
  program: 'save-position.ts',
  prepare: (directory) => writeFileSync(join(directory, POSITION), JSON.stringify(OLD)),
  paths: (directory) => ['.', POSITION, `${POSITION}.tmp`].map((name) => join(directory, name)),
  afterwards: (directory) =>
    offsets(directory) === undefined ? ['the position is neither old nor new'] : [],
  atTheEnd: (directory) => (offsets(directory) === 'new' ? [] : ['the new position was not saved']),
};

function offsets(directory: string): 'old' | 'new' | undefined {
  const { files = [] } = loadPosition(join(directory, POSITION)) ?? {};
  if (files.length === 1 && files[0]?.offset === 1) return 'old';
  return files.length === 40 && files.every(({ offset }) => offset === 2_000_000) ? 'new' : undefined;
}

/** The sealer and the position file, stopped at every system call. */
export const syscalls: FaultCase = {
  name: 'system-calls',
  mutants: ['seal by renaming', 'unfinished seal forgotten', 'position written in place'],
  async run(context) {
    const problem = straceProblem();
    if (problem !== undefined) return skipped(problem);
    // Enough to catch a mutant: what an error leaves behind, a kill leaves too.
    const actions = context.scale < 1 ? [KILL] : [KILL, ...ERRORS];
    const all: Awaited<ReturnType<typeof stopEverywhere>>[] = [];
    for (const subject of [sealing, saving]) {
      if (context.oneIsEnough && all.some(({ failures }) => failures.length > 0)) break;
      all.push(await stopEverywhere(context, subject, actions));
    }
    const points = all.reduce((sum, { points }) => sum + points, 0);
    const failures = all.flatMap((each) => each.failures);
    return {
      records: points,
      kills: all.reduce((sum, { kills }) => sum + kills, 0),
      lost: 0,
      duplicated: 0,
      torn: 0,
      failures,
      note: `${points} points: SIGKILL, ENOSPC, EIO, EINTR, EMFILE`,
    } satisfies Outcome;
  },
};

/** Runs a program once for each of its system calls and each action, and once more on what that left. */
export async function stopEverywhere(
  context: Context,
  subject: Subject,
  actions: readonly string[],
  wanted: (injection: Injection) => boolean = () => true,
): Promise<{ points: number; kills: number; failures: string[] }> {
  const bundle = await context.bundle(subject.program, subject.settings);
  const stage = await context.bundle('stage.ts');
  const run = async (on: Stage, name: string, injection?: Injection) => {
    const directory = join(context.directory, name);
    mkdirSync(directory);
    await subject.prepare(directory);
    const paths = subject.paths(directory);
    const result = await on.run(directory, {
      paths,
      log: `${directory}.log`,
      ...(injection && { injection }),
    });
    return { directory, ...result };
  };
  const stages = Array.from({ length: AT_ONCE }, () => new Stage(context, stage, bundle));
  const { calls } = await run(stages[0]!, `${subject.program}-whole`);
  const injections = actions.flatMap((action) => everyCall(calls, action)).filter(wanted);
  const failures: string[] = [];
  const queue = [...injections.entries()];
  let points = 0;
  while (queue.length > 0 && !(context.oneIsEnough && failures.length > 0)) {
    const part = queue.splice(0, context.oneIsEnough ? PART : Infinity);
    points += part.length;
    const directories = new Map<string, string>();
    const work = async (on: Stage): Promise<void> => {
      for (let next = part.shift(); next !== undefined; next = part.shift()) {
        const [index, injection] = next;
        const point = `${injection.action} at ${injection.syscall} ${injection.when}`;
        const { directory, injected } = await run(on, `${subject.program}-${index}`, injection);
        if (!injected) failures.push(`${point} was never reached`);
        failures.push(...subject.afterwards(directory).map((wrong) => `${point}: ${wrong}`));
        directories.set(directory, point);
      }
    };
    await Promise.all(stages.map(work));
    const again = [...directories.keys()];
    while (again.length > 0) {
      const shares = stages.map(() => again.splice(0, AGAIN));
      await Promise.all(
        shares.map((share) =>
          exited(context.spawn(process.execPath, [bundle, ...share], { stdio: 'inherit' })),
        ),
      );
    }
    for (const [directory, point] of directories) {
      failures.push(...subject.atTheEnd(directory).map((wrong) => `${point}, then again: ${wrong}`));
    }
  }
  for (const each of stages) each.close();
  const kills = injections.slice(0, points).filter(({ action }) => action === KILL).length;
  return { points, kills, failures };
}
