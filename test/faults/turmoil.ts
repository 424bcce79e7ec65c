import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from './case.js';
import { exited } from './processes.js';
import { Random } from './random.js';
import { FINISH_MS, HOLD_MS } from './settings.js';

const SHARDS = 4;
/** Writers of each kind: with the lock, without it, in bash. */
const KINDS = [
  ...Array<'flock'>(6).fill('flock'),
  ...Array<'none'>(6).fill('none'),
  ...Array<'bash'>(20).fill('bash'),
];
/** How long a process stands still: longer than all that others wait for. */
const STOP_MS = 400;
/** How long a segment stays after its last growth: longer than writers without the lock stand still. */
const LINGER_MS = 10_000;

interface Writer {
  readonly kind: (typeof KINDS)[number];
  readonly process: ChildProcess;
  readonly acknowledgements: string;
}

type Paths = Readonly<Record<'flock' | 'none' | 'sealer' | 'tailer', string>>;

/** Writers, sealers and a tailer, and what happens to them. */
export class Turmoil {
  readonly #context: Context;
  readonly #random: Random;
  readonly #writers: Writer[] = [];
  readonly #paths: Paths;
  readonly folders: Readonly<Record<'shards' | 'archive' | 'acknowledgements' | 'tails', string>>;
  #names = 0;
  writerKills = 0;
  sealerKills = 0;
  tailerKills = 0;
  stops = 0;

  constructor(context: Context, paths: Paths) {
    this.#context = context;
    this.#random = new Random(context.seed);
    this.#paths = paths;
    const folder = (name: string): string => {
      const path = join(context.directory, name);
      mkdirSync(path);
      return path;
    };
    this.folders = {
      shards: folder('shards'),
      archive: folder('archive'),
      acknowledgements: folder('acknowledgements'),
      tails: folder('tails'),
    };
    for (const slot of KINDS.keys()) this.#writers.push(this.#startWriter(slot));
  }

  get #positionFile(): string {
    return join(this.#context.directory, 'position.json');
  }

  /** Seals so far. */
  get seals(): number {
    return readdirSync(this.folders.archive).filter((name) => name.endsWith('.sealed')).length;
  }

  /** Kills writers at random moments, and starts others in their place. */
  async killWriters(enough: number, until: () => boolean): Promise<void> {
    while (!until()) {
      const slot = this.#pickSlot();
      const writer = this.#writers[slot]!;
      // One that has not stored anything yet teaches nothing.
      if (statSync(writer.acknowledgements, { throwIfNoEntry: false })?.size) {
        if (writer.kind !== 'bash') await sprinting(writer);
        writer.process.kill('SIGKILL');
        this.writerKills += 1;
        this.#writers[slot] = this.#startWriter(slot);
      }
      // What is left of the time belongs to the others.
      await delay(this.writerKills < enough ? this.#random.between(0, 5) : 200);
    }
  }

  /** Stops writers for longer than anybody waits. */
  async stopWriters(until: () => boolean): Promise<void> {
    while (!until()) {
      const { process } = this.#random.pick(this.#writers);
      process.kill('SIGSTOP');
      await delay(STOP_MS);
      process.kill('SIGCONT');
      this.stops += 1;
    }
  }

  /** Kills sealers in the middle of their work, of which others wait to go on with it. */
  async killSealers(until: () => boolean): Promise<void> {
    const start = (): {
      process: ChildProcess;
      said: ReturnType<typeof hear>;
      ready: Promise<ChildProcess>;
    } => {
      const process = this.#startSealer(false);
      const said = hear(process);
      return { process, said, ready: said('sealer') };
    };
    // A start takes longer than a life.
    const waiting = [start(), start(), start()];
    while (!until()) {
      // Whoever is first has the lock.
      const process = await Promise.race(waiting.map(({ ready }) => ready));
      const index = waiting.findIndex((each) => each.process === process);
      // Within the first seals, within what follows them, or after some segments were archived.
      const chance = this.#random.next();
      if (chance >= 0.6) await waiting[index]!.said(chance < 0.9 ? 'sealed' : 'archived');
      await delay(this.#random.between(0, HOLD_MS));
      process.kill('SIGKILL');
      this.sealerKills += 1;
      waiting[index] = start();
    }
    for (const { process } of waiting) process.kill('SIGKILL');
    await Promise.all(waiting.map(({ process }) => exited(process)));
  }

  /** Kills tailers, and starts others that go on where they were. */
  async killTailers(until: () => boolean): Promise<void> {
    for (let early = false; !until(); early = !early) {
      const tailer = this.#startTailer(false);
      // Every second one first reads all there is: else, on a busy machine, they fall ever further behind.
      await hear(tailer)(early ? 'batch' : 'idle');
      await delay(this.#random.between(0, 300));
      tailer.kill('SIGKILL');
      this.tailerKills += 1;
      await exited(tailer);
    }
  }

  /** Kills all writers, and lets a sealer and a tailer do the rest in peace. */
  async settle(): Promise<void> {
    for (const { process } of this.#writers) process.kill('SIGKILL');
    this.writerKills += this.#writers.length;
    await Promise.all(this.#writers.map(({ process }) => exited(process)));
    await succeeded(this.#startTailer(true), 'the last tailer');
    await succeeded(this.#startSealer(true), 'the last sealer');
  }

  /** Node takes long to start, so that bash is killed more often. */
  #pickSlot(): number {
    const nodes = KINDS.indexOf('bash');
    return this.#random.next() < 0.12
      ? this.#random.between(0, nodes - 1)
      : this.#random.between(nodes, KINDS.length - 1);
  }

  #startWriter(slot: number): Writer {
    const kind = KINDS[slot]!;
    this.#names += 1;
    const writer = `${kind}-${this.#names}`;
    const acknowledgements = join(this.folders.acknowledgements, writer);
    const process =
      kind === 'bash'
        ? this.#startBash(slot, writer, acknowledgements)
        : this.#startNode(this.#paths[kind], {
            directory: this.folders.shards,
            shards: SHARDS,
            agent: slot,
            writer,
            acknowledgements,
            seed: this.#random.between(0, 2 ** 31),
            burst: 2,
            // Less than an appender goes without looking: most appends rely on what was seen before.
            pauseMs: 20,
          });
    return { kind, process, acknowledgements };
  }

  #startBash(slot: number, writer: string, acknowledgements: string): ChildProcess {
    const library = resolve('src/shell/cfn-metrics.sh');
    const program = resolve('test/faults/programs/writer.sh');
    const env = { ...process.env, CFN_METRICS_DIR: this.folders.shards, CFN_METRICS_SHARDS: String(SHARDS) };
    const args = [program, library, String(slot), writer, acknowledgements, '5', '0.2', '0'];
    return this.#context.spawn('bash', args, { stdio: ['pipe', 'ignore', 'inherit'], env });
  }

  #startSealer(drain: boolean): ChildProcess {
    return this.#startNode(this.#paths.sealer, {
      directory: this.folders.shards,
      archive: this.folders.archive,
      holdMs: HOLD_MS,
      finishMs: FINISH_MS,
      lingerMs: drain ? 0 : LINGER_MS,
      ...(!drain && { positionFile: this.#positionFile }),
      pauseMs: 50,
      drain,
    });
  }

  #startTailer(drain: boolean): ChildProcess {
    this.#names += 1;
    return this.#startNode(this.#paths.tailer, {
      directory: this.folders.shards,
      positionFile: this.#positionFile,
      output: join(this.folders.tails, String(this.#names)),
      drain,
    });
  }

  #startNode(path: string, settings: object): ChildProcess {
    return this.#context.spawn(process.execPath, [path, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  }
}

/** Asks a writer for large records in a row, and waits until it is at it: a kill then often hits a write. */
async function sprinting({ process, acknowledgements }: Writer): Promise<void> {
  const before = statSync(acknowledgements).size;
  process.kill('SIGUSR2');
  // A stopped one does nothing.
  for (let tries = 0; tries < 200 && statSync(acknowledgements).size < before + 200; tries += 1)
    await delay(1);
}

/** Resolves with the process when it says a word; never, where it ends before. */
function hear(process: ChildProcess): (word: string) => Promise<ChildProcess> {
  let output = '';
  process.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    process.emit('said');
  });
  return async (word) => {
    while (!output.includes(word)) await once(process, 'said');
    return process;
  };
}

async function succeeded(process: ChildProcess, who: string): Promise<void> {
  await exited(process);
  if (process.exitCode !== 0) throw new Error(`${who} ended with ${process.exitCode ?? process.signalCode}`);
}
