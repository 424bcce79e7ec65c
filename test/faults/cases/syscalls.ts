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

/** Something that is stopped at every system call, and must be whole afterwards. */
export interface Subject {
  readonly program: string;
  /** Further patches of the program. */
  readonly settings?: readonly Patch[];
  /** Makes what the program finds; a program does so too, whose arguments are directories. */
  readonly prepare: string | ((directory: string) => void);
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
  const stages = Array.from({ length: AT_ONCE }, () => new Stage(context, stage, bundle));
  const prepare = async (names: readonly string[]): Promise<string[]> => {
    const directories = names.map((name) => join(context.directory, `${subject.program}-${name}`));
    for (const directory of directories) mkdirSync(directory);
    if (typeof subject.prepare === 'string') {
      await inShares(context, await context.bundle(subject.prepare, subject.settings), directories);
    } else {
      directories.forEach(subject.prepare);
    }
    return directories;
  };
  const run = (on: Stage, directory: string, injection?: Injection) =>
    on.run(directory, {
      paths: subject.paths(directory),
      log: `${directory}.log`,
      ...(injection && { injection }),
    });
  const [whole = ''] = await prepare(['whole']);
  const { calls } = await run(stages[0]!, whole);
  const injections = actions.flatMap((action) => everyCall(calls, action)).filter(wanted);
  const failures: string[] = [];
  let points = 0;
  while (points < injections.length && !(context.oneIsEnough && failures.length > 0)) {
    const part = injections.slice(points, context.oneIsEnough ? points + PART : undefined);
    const directories = await prepare(part.map((_, index) => String(points + index)));
    points += part.length;
    const queue = [...part.entries()];
    const describe = (index: number): string => {
      const { action, syscall, when } = part[index]!;
      return `${action} at ${syscall} ${when}`;
    };
    const work = async (on: Stage): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, injection] = next;
        const directory = directories[index]!;
        const { injected } = await run(on, directory, injection);
        if (!injected) failures.push(`${describe(index)} was never reached`);
        failures.push(...subject.afterwards(directory).map((wrong) => `${describe(index)}: ${wrong}`));
      }
    };
    await Promise.all(stages.map(work));
    await inShares(context, bundle, directories);
    for (const [index, directory] of directories.entries()) {
      failures.push(
        ...subject.atTheEnd(directory).map((wrong) => `${describe(index)}, then again: ${wrong}`),
      );
    }
  }
  for (const each of stages) each.close();
  const kills = injections.slice(0, points).filter(({ action }) => action === KILL).length;
  return { points, kills, failures };
}

/** Runs a program on many directories, in several processes. */
async function inShares(context: Context, bundle: string, directories: readonly string[]): Promise<void> {
  const share = Math.ceil(directories.length / AT_ONCE);
  const shares = Array.from({ length: AT_ONCE }, (_, i) => directories.slice(i * share, (i + 1) * share));
  await Promise.all(
    shares
      .filter(({ length }) => length > 0)
      .map((each) => exited(context.spawn(process.execPath, [bundle, ...each], { stdio: 'inherit' }))),
  );
}
