import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRecord } from '../../../src/parse.js';
import type { MetricRecord } from '../../../src/record.js';
import { readRecords } from '../../../src/store/reader.js';
import { parseName } from '../../../src/store/shard.js';
import { type Context, type FaultCase, skipped } from '../case.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How far the wall clock is off in each phase; the first one begins shortly before midnight. */
const STEPS = [0, HOUR, 0, -HOUR];
/** Enough to catch a mutant: across midnight, and back. */
const FEW_STEPS = [0, -HOUR];
/** Writers look once a second whether their file was replaced; after this, none may append to a sealed one. */
const SETTLED_MS = 2000;
/** A segment is said to be sealed at most this much after it was replaced. */
const SEALING_MS = 1500;
/** Time for one that does to show. */
const GROWS_MS = 500;
/** As much as a phase needs to mean something. */
const PHASE_RECORDS = 300;

/** The wall clock is stepped by an hour in either direction, and across midnight, under everything that runs. */
export const clock: FaultCase = {
  name: 'clock-steps',
  mutants: ['looks by the wall clock', 'segments named by the day of their sealing'],
  async run(context) {
    const library = faketime();
    if (library === undefined) return skipped('libfaketime is not installed (Debian: faketime)');
    const fleet = await ClockedFleet.start(context, library);
    try {
      for (const step of context.scale < 1 ? FEW_STEPS : STEPS) await fleet.phase(step);
      await fleet.end();
      return fleet.judge();
    } finally {
      fleet.sweep();
    }
  },
};

function faketime(): string | undefined {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return [`/usr/lib/${triplet}`, '/usr/lib64', '/usr/lib', '/usr/local/lib']
    .map((folder) => join(folder, 'faketime/libfaketime.so.1'))
    .find((path) => existsSync(path));
}

class ClockedFleet {
  readonly #directory: string;
  readonly #offsetFile: string;
  /** What takes the clock to two seconds before a midnight. */
  readonly #base: number;
  readonly #acknowledged = new Set<string>();
  readonly #followed = new Map<string, number>();
  /** Sizes of sealed segments when all writers must have left them. */
  readonly #settled = new Map<string, { sealedAt: number; size: number }>();
  readonly #end: (() => void)[] = [];
  readonly #processes: (number | undefined)[] = [];
  #failures: string[] = [];

  private constructor(directory: string) {
    this.#directory = join(directory, 'shards');
    mkdirSync(this.#directory);
    this.#offsetFile = join(directory, 'offset');
    this.#base = DAY - (Date.now() % DAY) - 2000;
    this.#step(0);
  }

  static async start(context: Context, library: string): Promise<ClockedFleet> {
    const fleet = new ClockedFleet(context.directory);
    const program = await context.bundle('clocked.ts');
    // Outside of the repository it finds no fs-ext, and appends without the lock.
    const lockless = join(context.directory, 'clocked.mjs');
    copyFileSync(program, lockless);
    const env = {
      ...process.env,
      LD_PRELOAD: library,
      // timers and flock's hold go by the monotonic clock, which nobody steps
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
      FAKETIME_TIMESTAMP_FILE: fleet.#offsetFile,
    };
    const run = (file: string, role: string, first: number): void => {
      const child = context.spawn(process.execPath, [file, role, fleet.#directory, String(first)], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      createInterface(child.stdout!).on('line', (line) => fleet.#hear(JSON.parse(line) as Message));
      fleet.#end.push(() => child.kill('SIGKILL'));
      fleet.#processes.push(child.pid);
    };
    run(program, 'writer', 0);
    run(lockless, 'writer', 2);
    run(program, 'sealer', 0);
    run(program, 'tailer', 0);
    return fleet;
  }

  /** Steps the clock, and goes on until a segment that was sealed under it has been left by all writers. */
  async phase(step: number): Promise<void> {
    this.#step(step);
    const enough = this.#acknowledged.size + PHASE_RECORDS;
    const startedAt = performance.now();
    const done = (): boolean =>
      this.#acknowledged.size >= enough &&
      [...this.#settled.values()].some(
        ({ sealedAt }) =>
          sealedAt - SEALING_MS > startedAt && performance.now() - sealedAt > SETTLED_MS + GROWS_MS,
      );
    await until(done, 20_000, 'nothing was sealed');
  }

  async end(): Promise<void> {
    const [writers, others] = [this.#end.slice(0, 2), this.#end.slice(2)];
    for (const kill of writers) kill();
    const missing = (): boolean => [...this.#acknowledged].some((key) => !this.#followed.has(key));
    await until(() => !missing(), 10_000, 'the tailer does not come to the end').catch((error: unknown) => {
      this.#failures.push(String(error));
    });
    for (const kill of others) kill();
  }

  /** Removes what libfaketime leaves of a process that was killed. */
  sweep(): void {
    for (const pid of this.#processes) {
      for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
        rmSync(join('/dev/shm', name), { force: true });
    }
  }

  judge() {
    const stored = new Map<string, number>();
    const all: MetricRecord[] = [];
    const days = new Set<string>();
    for (const name of readdirSync(this.#directory)) {
      const segment = parseName(name);
      if (segment === undefined) continue;
      const records = this.#read(name);
      all.push(...records);
      for (const record of records) {
        const key = `${record.agent} ${record.value}`;
        stored.set(key, (stored.get(key) ?? 0) + 1);
      }
      this.#checkOrder(name, records);
      if (segment.date === undefined) continue;
      days.add(segment.date);
      const first = new Date(records[0]?.time ?? 0).toISOString().slice(0, 10).replaceAll('-', '');
      if (segment.date !== first) this.#failures.push(`${name} begins on ${first}`);
      const settled = this.#settled.get(name)?.size;
      const { size } = statSync(join(this.#directory, name));
      if (settled !== undefined && size !== settled) {
        this.#failures.push(`${name} grew ${size - settled} bytes after all writers had left it`);
      }
    }
    if (days.size < 2) this.#failures.push('no midnight was crossed');
    this.#checkRanges(all);
    const lost = [...this.#acknowledged].filter((key) => !stored.has(key)).length;
    const duplicated = [...stored, ...this.#followed].filter(([, times]) => times > 1).length;
    return {
      ...{ records: this.#acknowledged.size, kills: 0, lost, duplicated, torn: 0 },
      failures: this.#failures,
      note: `${this.#settled.size} segments of ${days.size} days`,
    };
  }

  #step(step: number): void {
    const offset = (this.#base + step) / 1000;
    writeFileSync(`${this.#offsetFile}.new`, `${offset < 0 ? '' : '+'}${offset}\n`);
    renameSync(`${this.#offsetFile}.new`, this.#offsetFile);
  }

  #hear(message: Message): void {
    if ('number' in message) this.#acknowledged.add(`${message.agent} ${message.number}`);
    else if ('followed' in message) {
      for (const key of message.followed) this.#followed.set(key, (this.#followed.get(key) ?? 0) + 1);
    } else {
      const path = join(this.#directory, message.sealed);
      const sealedAt = performance.now();
      void delay(SETTLED_MS, undefined, { ref: false }).then(() => {
        const size = statSync(path, { throwIfNoEntry: false })?.size;
        if (size !== undefined) this.#settled.set(message.sealed, { sealedAt, size });
      });
    }
  }

  #read(name: string): MetricRecord[] {
    const lines = readFileSync(join(this.#directory, name), 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => {
      const record = parseRecord(line);
      if (record === undefined) this.#failures.push(`${name} has a bad line: ${line}`);
      return record ?? [];
    });
  }

  #checkOrder(name: string, records: readonly MetricRecord[]): void {
    const last = new Map<string, number>();
    for (const { agent, value } of records) {
      if (value <= (last.get(agent) ?? -1))
        this.#failures.push(`${name}: ${agent} is out of order at ${value}`);
      last.set(agent, value);
    }
  }

  /** With a slack as large as the steps, a range query finds exactly what is in its range; never anything else. */
  #checkRanges(all: readonly MetricRecord[]): void {
    const times = all.map(({ time }) => time).sort((a, b) => a - b);
    const at = (part: number): number => times[Math.floor(part * (times.length - 1))] ?? 0;
    for (const [from, to] of [
      [0.1, 0.3],
      [0.3, 0.7],
      [0.6, 1],
      [0, 1],
    ] as const) {
      const [since, until] = [at(from), at(to)];
      const wanted = all.filter(({ time }) => time >= since && time < until).length;
      const range = { directory: this.#directory, since, until };
      const found = [...readRecords({ ...range, maxLatenessMs: 3 * HOUR })].length;
      if (found !== wanted) this.#failures.push(`a range has ${wanted} records, and ${found} were found`);
      const stray = [...readRecords(range)].filter(({ time }) => time < since || time >= until).length;
      if (stray > 0) this.#failures.push(`${stray} records are outside of their range`);
    }
  }
}

type Message =
  | { readonly agent: string; readonly number: number }
  | { readonly sealed: string }
  | { readonly followed: readonly string[] };

async function until(condition: () => boolean, limitMs: number, problem: string): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`${problem}, after ${limitMs / 1000} s`);
    await delay(20);
  }
}
