// Many light writers for a long time, while segments are sealed every few seconds and processes are killed and stopped
// at random. At the end every acknowledged record must have been found in exactly one file, and must have been followed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../faults/random.js';
import { milliseconds, usageError } from './arguments.js';
import { Collector } from './collector.js';
import { Fleet, type Member, usage } from './fleet.js';
import { Ledger } from './ledger.js';
import { runAndCleanUp } from './run-and-clean-up.js';
import { type Sample, trend, type Trend } from './trend.js';

const USAGE = `npm run soak -- [--duration 10m] [--writers 200] [--seal-every 10s] [--seed N] [--json]

A quarter of the writers are bash processes, the others share Node processes. Sealer and tailer are killed in the first
half only: their growth is measured in the second.
`;

/** Writers that share one Node process. */
const PER_PROCESS = 25;
/** A segment counts as finished after this. */
const FINISH_MS = 5000;
/** A stop lasts no longer than this: longer than the lock is held and segments take to finish… */
const MAX_STOP_MS = 12_000;
/** …and shorter than this, after which a finished segment is deleted: bash writers do not lock. */
const LINGER_MS = 20_000;
const KILL_EVERY_MS = 3000;
const STOP_EVERY_MS = 5000;
const PRINT_EVERY_MS = 10_000;
/** Bounds of growth mean something from this many measurements on. */
const ENOUGH_SAMPLES = 30;
/** What has grown by more than this within the measured half, as a part of its mean, is a leak. */
const LEAK_PART = 0.1;

const { values } = parseArgs({
  options: {
    duration: { type: 'string', default: '10m' },
    writers: { type: 'string', default: '200' },
    'seal-every': { type: 'string', default: '10s' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const durationMs = milliseconds(USAGE, '--duration', values.duration);
const sealEveryMs = milliseconds(USAGE, '--seal-every', values['seal-every']);
const writers = Number(values.writers);
const seed = Number(values.seed);
if (!Number.isInteger(writers) || writers < 4 || !Number.isFinite(seed))
  usageError(USAGE, '--writers must be 4 or more');

const here = import.meta.dirname;
const library = join(here, '../../src/shell/cfn-metrics.sh');
const root = mkdtempSync('/dev/shm/cfn-soak-');
const directory = join(root, 'shards');
const acknowledgements = join(root, 'acknowledged');
mkdirSync(directory);
mkdirSync(acknowledgements);

const random = new Random(seed);
const fleet = new Fleet();
const stored = new Ledger();
const followed = new Ledger();
/** What the present run of the tailer has printed. */
let ofThisRun = { generation: 0, ledger: new Ledger(true) };
/** Records that one run of the tailer printed twice. */
let repeatedWithinRun = 0;
const collector = new Collector(directory, LINGER_MS, stored);
let seals = 0;
/** Files of acknowledgements: of many writers, or of one in bash. */
const groups: { file: string; agents: readonly string[] | string }[] = [];

interface Measurement {
  readonly time: number;
  readonly sealer: { rss: number; descriptors: number } | undefined;
  readonly tailer: { rss: number; descriptors: number } | undefined;
  readonly directoryBytes: number;
  readonly heap: { readonly sealer?: number; readonly tailer?: number };
}
const measurements: Measurement[] = [];
/** Bytes in use after a garbage collection, as sealer and tailer said last. */
const heap: { sealer?: number; tailer?: number } = {};

await runAndCleanUp(soak, cleanUp);

async function soak(): Promise<void> {
  say(`seed ${seed}, ${writers} writers for ${values.duration}, seals every ${values['seal-every']}`);
  startWriters();
  startCompanions();
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const firstHalf = (): boolean => elapsed() < durationMs / 2;
  const due = { kill: 0, stop: 0, print: 0 };
  while (elapsed() < durationMs) {
    await delay(500);
    collector.collect();
    if (elapsed() >= due.kill) {
      due.kill += KILL_EVERY_MS;
      fleet.kill(victim(firstHalf()));
    }
    if (elapsed() >= due.stop) {
      due.stop += STOP_EVERY_MS;
      fleet.stop(victim(true), random.between(500, MAX_STOP_MS));
    }
    if (elapsed() >= due.print) {
      due.print += PRINT_EVERY_MS;
      measure(elapsed());
    }
  }
  await settle();
  finish(elapsed());
}

function startWriters(): void {
  const inBash = Math.floor(writers / 4);
  for (let first = 0; first < writers - inBash; first += PER_PROCESS) {
    const count = Math.min(PER_PROCESS, writers - inBash - first);
    fleet.start({
      role: 'agents',
      command: (generation) => {
        const file = join(acknowledgements, `node-${first}-${generation}`);
        const agents = Array.from({ length: count }, (_, i) => `soak-${first + i}-${generation}`);
        groups.push({ file, agents });
        const args = [directory, file, first, count, generation].map(String);
        return [process.execPath, join(here, 'agents.js'), ...args];
      },
    });
  }
  for (let i = 0; i < inBash; i += 1) {
    fleet.start({
      role: 'bash',
      command: (generation) => {
        const agent = `bash-${i}-${generation}`;
        const file = join(acknowledgements, agent);
        groups.push({ file, agents: agent });
        const program = join(here, '../../test/soak/agent.sh');
        return ['env', `CFN_METRICS_DIR=${directory}`, 'bash', program, library, file, agent];
      },
    });
  }
}

function startCompanions(): void {
  fleet.start({
    role: 'sealer',
    command: () => [
      process.execPath,
      '--expose-gc',
      join(here, 'sealer.js'),
      directory,
      String(sealEveryMs),
      String(FINISH_MS),
    ],
    onLine: (line) => {
      const message = JSON.parse(line) as { sealed?: number; finished?: string; heap?: number };
      if (message.heap !== undefined) heap.sealer = message.heap;
      seals += message.sealed ?? 0;
      if (message.finished !== undefined) collector.finished(message.finished);
    },
  });
  fleet.start({
    role: 'tailer',
    command: () => [
      process.execPath,
      '--expose-gc',
      join(here, 'tailer.js'),
      directory,
      join(root, 'position.json'),
    ],
    onLine: (line, generation) => {
      let seen: [string, number][] | { heap: number };
      try {
        seen = JSON.parse(line) as typeof seen;
      } catch {
        return; // it was killed while it printed this, and will print it again
      }
      if ('heap' in seen) {
        heap.tailer = seen.heap;
        return;
      }
      if (ofThisRun.generation !== generation) ofThisRun = { generation, ledger: new Ledger(true) };
      const before = ofThisRun.ledger.duplicated;
      for (const [agent, number] of seen) {
        followed.note(agent, number);
        ofThisRun.ledger.note(agent, number);
      }
      repeatedWithinRun += ofThisRun.ledger.duplicated - before;
    },
  });
}

/** One to be killed or stopped. */
function victim(anybody: boolean): Member {
  const companions = fleet.members.filter(({ role }) => role === 'sealer' || role === 'tailer');
  const others = fleet.members.filter((member) => !companions.includes(member));
  return anybody && random.next() < 0.3 ? random.pick(companions) : random.pick(others);
}

function measure(time: number): void {
  const of = (wanted: Member['role']) => usage(fleet.members.find(({ role }) => role === wanted)?.child.pid);
  const measurement: Measurement = {
    time: time / 1000,
    sealer: of('sealer'),
    tailer: of('tailer'),
    directoryBytes: collector.bytes,
    heap: { ...heap },
  };
  measurements.push(measurement);
  const { sealer, tailer, directoryBytes } = measurement;
  say(
    `${(time / 1000).toFixed(0).padStart(5)} s  records ${stored.seen}  seals ${seals}  kills ${fleet.kills}  ` +
      `stops ${fleet.stops}  torn ${collector.torn}  duplicated ${stored.duplicated}  ` +
      `sealer ${show(sealer)}  tailer ${show(tailer)}  RAM ${mebibytes(directoryBytes)}`,
  );
}

function show(of: Measurement['sealer']): string {
  return of === undefined ? '-' : `${mebibytes(of.rss)} ${of.descriptors} fds`;
}

/** Ends the writers, and waits until files and tailer have come to the end of what was acknowledged. */
async function settle(): Promise<void> {
  await fleet.end(['agents', 'bash']);
  await fleet.end(['sealer']);
  collector.collect();
  const giveUpAt = performance.now() + 60_000;
  while (countMissing(followed) > 0 && performance.now() < giveUpAt) await delay(100);
  await fleet.end(['tailer']);
}

function countMissing(ledger: Ledger): number {
  return acknowledged().reduce((sum, { agent, count }) => sum + ledger.missing(agent, count), 0);
}

function acknowledged(): { agent: string; count: number }[] {
  return groups.flatMap(({ file, agents }) => {
    if (typeof agents === 'string') {
      return [{ agent: agents, count: statSync(file, { throwIfNoEntry: false })?.size ?? 0 }];
    }
    let bytes: Buffer;
    try {
      bytes = readFileSync(file);
    } catch {
      return []; // killed before it began
    }
    // A writer that never got to its first acknowledgement has no bytes behind the last that did.
    return agents.map((agent, i) => ({
      agent,
      count: bytes.length >= 4 * i + 4 ? bytes.readUInt32LE(4 * i) : 0,
    }));
  });
}

function finish(elapsedMs: number): void {
  const half = measurements.filter(({ time }) => time * 1000 >= durationMs / 2 + PRINT_EVERY_MS);
  const of = (value: (measurement: Measurement) => number | undefined): Trend =>
    trend(
      half.flatMap((measurement): Sample[] => {
        const found = value(measurement);
        return found === undefined ? [] : [{ time: measurement.time, value: found }];
      }),
    );
  const growths: Record<string, Trend> = {
    'heap of the sealer, MiB': of((each) => each.heap.sealer && each.heap.sealer / 2 ** 20),
    'heap of the tailer, MiB': of((each) => each.heap.tailer && each.heap.tailer / 2 ** 20),
    'memory of the sealer, MiB': of(({ sealer }) => sealer && sealer.rss / 2 ** 20),
    'memory of the tailer, MiB': of(({ tailer }) => tailer && tailer.rss / 2 ** 20),
    'descriptors of the sealer': of(({ sealer }) => sealer?.descriptors),
    'descriptors of the tailer': of(({ tailer }) => tailer?.descriptors),
    'RAM of the shards, MiB': of(({ directoryBytes }) => directoryBytes / 2 ** 20),
  };
  const counts = acknowledged().reduce((sum, { count }) => sum + count, 0);
  const result = {
    seed,
    seconds: Math.round(elapsedMs / 1000),
    machine: `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}`,
    writers,
    acknowledged: counts,
    stored: stored.seen,
    lost: countMissing(stored),
    duplicated: stored.duplicated,
    torn: collector.torn,
    notFollowed: countMissing(followed),
    repeatedAfterKills: followed.duplicated,
    repeatedWithinRun,
    kills: fleet.kills,
    stops: fleet.stops,
    seals,
    deletedSegments: collector.deleted,
    lateGrowths: collector.late,
    growths,
    failures: [...fleet.failures],
  };
  const { failures } = result;
  if (result.lost > 0) failures.push(`${result.lost} acknowledged records are in no file`);
  if (result.duplicated > 0) failures.push(`${result.duplicated} records are stored twice`);
  if (result.notFollowed > 0) failures.push(`${result.notFollowed} records were not followed`);
  if (repeatedWithinRun > 0)
    failures.push(`${repeatedWithinRun} records were followed twice without a kill between`);
  if (result.torn > fleet.kills) failures.push(`${result.torn} torn records by ${fleet.kills} kills`);
  if (counts === 0 || seals === 0) failures.push('nothing happened');
  for (const [name, { samples, part, atLeastPart }] of Object.entries(growths)) {
    // A curve has no bounds, and a leak may be one: then the line itself is judged.
    const grew = Number.isNaN(atLeastPart) ? part : atLeastPart;
    if (samples >= ENOUGH_SAMPLES && grew > LEAK_PART)
      failures.push(`${name}: grew by ${(100 * grew).toFixed(0)} %`);
  }
  process.exitCode = failures.length === 0 ? 0 : 1;
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  for (const [name, { mean, perDay, atMostPerDay, samples }] of Object.entries(growths)) {
    const number = (value: number): string => (Number.isNaN(value) ? '?' : value.toFixed(1)).padStart(8);
    say(
      `${name.padEnd(26)} mean ${number(mean)}  a day ${number(perDay)}, at most ${number(atMostPerDay)} (${samples} measurements)`,
    );
  }
  const { growths: _, failures: __, ...plain } = result;
  say(
    Object.entries(plain)
      .map(([name, value]) => `${name} ${value}`)
      .join('\n'),
  );
  for (const failure of failures) say(`FAILED: ${failure}`);
  say(`${result.lost} lost, ${result.duplicated} duplicated: ${failures.length === 0 ? 'passed' : 'failed'}`);
}

function cleanUp(): void {
  fleet.endNow();
  rmSync(root, { recursive: true, force: true });
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function say(line: string): void {
  (values.json ? process.stderr : process.stdout).write(`${line}\n`);
}
