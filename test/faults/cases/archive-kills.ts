import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { spawnSync } from 'node:child_process';
import { badCopies, countValues, storedFiles } from '../archived.js';
import { type Context, type FaultCase, type Outcome, skipped } from '../case.js';
import { exited } from '../processes.js';
import { Random } from '../random.js';

const KILLS = 60;
const BOOTS = 6;
/** How long anything may take on a loaded machine. */
const PATIENCE_MS = 60_000;

/** A shard directory, an archive, and who works on them. */
export class Host {
  readonly shm: string;
  readonly archive: string;
  /** What writers were told is stored, and when by the clock of the boot in nanoseconds. */
  readonly stored = new Map<number, bigint>();
  readonly #context: Context;
  #next = 1_000_000;

  constructor(context: Context, archive?: string) {
    this.#context = context;
    this.shm = join(context.directory, 'shm');
    this.archive = archive ?? join(context.directory, 'archive');
    mkdirSync(this.shm);
  }

  async startArchiver(options: object = {}): Promise<ChildProcess> {
    const program = await this.#context.bundle('archive-daemon.ts');
    const settings = JSON.stringify({ directory: this.shm, archive: this.archive, ...options });
    return this.#context.spawn(process.execPath, [program, settings], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  async startWriter(): Promise<ChildProcess> {
    const program = await this.#context.bundle('archive-writer.ts');
    const first = String((this.#next += 1_000_000));
    const child = this.#context.spawn(process.execPath, [program, this.shm, first], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [value, time] = line.split(' ');
        this.stored.set(Number(value), BigInt(time ?? 0));
      }
    });
    return child;
  }

  /** When the last successful sync began. */
  lastSync(): bigint {
    try {
      const { sync } = JSON.parse(readFileSync(join(this.archive, 'cfn-metrics.archive.lock'), 'utf8')) as {
        sync?: { began: string; error: string | null };
      };
      return sync === undefined || sync.error !== null ? 0n : BigInt(sync.began);
    } catch {
      return 0n;
    }
  }

  /** Lines that are not in the archive exactly once, of those that have to be. */
  judge(values: Iterable<number>, failures: string[]): Pick<Outcome, 'lost' | 'duplicated' | 'failures'> {
    const counts = countValues(storedFiles(this.archive));
    let lost = 0;
    for (const value of values) if (!counts.has(value)) lost += 1;
    const duplicated = [...counts.values()].filter((times) => times > 1).length;
    return { lost, duplicated, failures };
  }

  /** Whether the archiver has nothing left to do but wait for live shards. */
  isSettled(): boolean {
    return !readdirSync(this.archive).some((name) => /^cfn-metrics-\d{8}-.*\.(jsonl|tmp)$/.test(name));
  }
}

/** Waits for something, and fails where that takes too long. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not after ${PATIENCE_MS / 1000} s`);
    await delay(20);
  }
}

/** Ends a process. */
export async function stop(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  child.kill(signal);
  await exited(child);
}

/** An archiver that is killed all the time, while others write, late writers among them. */
export const archiveKills: FaultCase = {
  name: 'an archiver killed under load',
  mutants: ['late lines forgotten'],
  limitMs: 240_000,
  async run(context) {
    const host = new Host(context);
    const random = new Random(context.seed);
    const failures: string[] = [];
    const writer = await host.startWriter();
    const kills = Math.max(10, Math.round(KILLS * context.scale));
    for (let kill = 0; kill < kills; kill += 1) {
      const archiver = await host.startArchiver({ rotateBytes: 30_000 });
      await once(archiver.stdout!, 'data');
      await delay(random.between(0, 400));
      await stop(archiver, 'SIGKILL');
      failures.push(...badCopies(host.shm, host.archive).map((wrong) => `after kill ${kill}: ${wrong}`));
    }
    const last = await host.startArchiver({ rotateBytes: 30_000 });
    let events = '';
    last.stdout?.on('data', (chunk: Buffer) => (events += chunk.toString()));
    // Among them those to which something was added after they were compressed.
    await until(() => events.split('compressed').length > 40, 'segments compressed');
    await stop(writer, 'SIGTERM');
    await until(() => host.isSettled(), 'all segments compressed');
    await stop(last, 'SIGTERM');
    const segments = readdirSync(host.archive).filter((name) => name.endsWith('.gz')).length;
    return {
      ...{ records: host.stored.size, kills, torn: 0, note: `${segments} segments` },
      ...host.judge(host.stored.keys(), failures),
    };
  },
};

/** RAM that is emptied, as by a boot, while an archiver and a writer are killed in the middle of their work. */
export const archiveBoots: FaultCase = {
  name: 'an archive over boots',
  mutants: ['a copy whose source is gone is replaced'],
  async run(context) {
    const host = new Host(context);
    const random = new Random(context.seed);
    const archived = new Set<number>();
    const failures: string[] = [];
    const boots = Math.max(3, Math.round(BOOTS * context.scale));
    for (let boot = 0; boot < boots; boot += 1) {
      const archiver = await host.startArchiver();
      const writer = await host.startWriter();
      const before = host.stored.size;
      await until(() => host.stored.size > before + 100, 'records written');
      await delay(random.between(100, 1000));
      await Promise.all([stop(writer, 'SIGKILL'), stop(archiver, 'SIGKILL')]);
      const synced = host.lastSync();
      if (synced === 0n) failures.push(`no sync before boot ${boot}`);
      // What was stored before the last successful sync began is what a boot must not cost.
      for (const [value, time] of host.stored) if (time < synced) archived.add(value);
      for (const name of readdirSync(host.shm)) rmSync(join(host.shm, name));
      host.stored.clear();
      failures.push(...host.judge([], []).failures);
    }
    const last = await host.startArchiver();
    await until(() => host.isSettled(), 'what was left is compressed');
    await stop(last, 'SIGTERM');
    return {
      ...{ records: archived.size, kills: 2 * boots, torn: 0, note: `${boots} boots` },
      ...host.judge(archived, failures),
    };
  },
};

/** A disk that is full, and has room again later. */
export const archiveFull: FaultCase = {
  name: 'an archive on a full disk',
  mutants: ['a short write counts as whole'],
  async run(context) {
    const disk = join(context.directory, 'disk');
    mkdirSync(disk);
    const mount = (...args: string[]): boolean =>
      spawnSync('mount', ['-t', 'tmpfs', ...args, 'cfn-faults', disk], { stdio: 'ignore' }).status === 0;
    if (!mount('-o', 'size=300k')) return skipped('no disk can be mounted');
    try {
      const host = new Host(context, join(disk, 'archive'));
      const archiver = await host.startArchiver({ finishMs: 3_600_000 });
      let events = '';
      archiver.stdout?.on('data', (chunk: Buffer) => (events += chunk.toString()));
      const writer = await host.startWriter();
      await until(() => events.includes('error'), 'the disk is full');
      const size = (): number =>
        readdirSync(host.shm).reduce((sum, name) => sum + statSync(join(host.shm, name)).size, 0);
      await until(() => size() > 600_000, 'more was written than there is room for');
      const failures = badCopies(host.shm, host.archive).map((wrong) => `while it is full: ${wrong}`);
      if (archiver.exitCode !== null) failures.push('the archiver ended');
      mount('-o', 'remount,size=64m');
      await until(() => events.includes('recovered'), 'it goes on when there is room');
      await stop(writer, 'SIGTERM');
      await stop(archiver, 'SIGTERM');
      failures.push(...badCopies(host.shm, host.archive));
      return {
        ...{ records: host.stored.size, kills: 0, torn: 0 },
        ...host.judge(host.stored.keys(), failures),
      };
    } finally {
      if (existsSync(disk)) spawnSync('umount', ['-l', disk], { stdio: 'ignore' });
    }
  },
};
