import { type ChildProcess, spawn, type SpawnOptions, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Context } from './case.js';
import { exited } from './processes.js';

/** What is done to one system call of a program. */
export interface Injection {
  readonly syscall: string;
  /** The how manieth call of this name, from 1, among those that concern the watched paths. */
  readonly when: number;
  /** `signal=SIGKILL` or `error=ENOSPC`. */
  readonly action: string;
}

/** Why system calls cannot be watched here; undefined where they can. */
export function straceProblem(): string | undefined {
  const { status, error } = spawnSync('strace', ['-o', '/dev/null', 'true']);
  if (error !== undefined) return 'strace is not installed';
  return status === 0 ? undefined : 'ptrace is not allowed';
}

/** What strace is told of one run. */
interface Watch {
  /** Only calls that concern these are seen, and counted. */
  readonly paths: readonly string[];
  readonly log: string;
  readonly injection?: Injection;
}

/**
 * Runs a program on one directory after another, under strace when it is at it.
 *
 * @remarks
 * Only the calls of the main thread that concern some paths are counted, and there is nothing random about them: the
 * same program makes the same calls. Node's start makes a thousand others, which take longer than the program; so a
 * process waits for strace, and lives until it is killed or fails.
 */
export class Stage {
  readonly #spawn: Context['spawn'];
  readonly #command: readonly string[];
  /** Whether strace may look at what it did not start: not so for users of some distributions. */
  readonly #attaches: boolean;
  #next: Actor | undefined;

  /**
   * Prepares to run a program.
   *
   * @param context - Of the case.
   * @param stage - The bundle of stage.ts.
   * @param program - A bundle whose arguments are directories.
   */
  constructor({ spawn }: Pick<Context, 'spawn'>, stage: string, program: string) {
    this.#spawn = spawn;
    this.#command = [process.execPath, stage, program];
    this.#attaches = mayAttach();
  }

  /**
   * Runs the program on a directory.
   *
   * @returns The calls in their order, and whether the program was told of an error or killed.
   */
  async run(
    directory: string,
    { paths, log, injection }: Watch,
  ): Promise<{ calls: string[]; injected: boolean }> {
    const args = ['-o', log, ...paths.flatMap((path) => ['-P', path])];
    if (injection !== undefined) {
      args.push('-e', `inject=${injection.syscall}:${injection.action}:when=${injection.when}`);
    }
    if (this.#attaches) await this.#runAttached(directory, args);
    else await new Actor(this.#spawn('strace', [...args, ...this.#command], PIPES)).act(directory, true);
    const lines = readFileSync(log, 'utf8').split('\n');
    const calls = lines.flatMap((line) => /^(\w+)\(/.exec(line)?.[1] ?? []);
    const injected = lines.some((line) => line.includes('(INJECTED)') || line.includes('killed by SIGKILL'));
    return { calls, injected };
  }

  /** Ends the process that waits for the next run. */
  close(): void {
    this.#next?.end();
    this.#next = undefined;
  }

  async #runAttached(directory: string, args: readonly string[]): Promise<void> {
    const actor = this.#next ?? this.#start();
    this.#next = undefined;
    await actor.says('ready');
    const strace = this.#spawn('strace', [...args, '-p', String(actor.pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await says(strace, strace.stderr, 'attached');
    await actor.act(directory, false);
    strace.kill('SIGINT');
    await exited(strace);
    this.#next = actor.isOver ? this.#start() : actor;
  }

  #start(): Actor {
    const [command = '', ...args] = this.#command;
    return new Actor(this.#spawn(command, args, PIPES));
  }
}

const PIPES: SpawnOptions = { stdio: ['pipe', 'pipe', 'ignore'] };

/** A process that waits for directories. */
class Actor {
  readonly #child: ChildProcess;
  #said = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
      child.stdout?.emit('heard');
    });
    child.stdout?.on('end', () => child.stdout?.emit('heard'));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Runs the program on a directory, and waits until it is done or dead. */
  async act(directory: string, last: boolean): Promise<void> {
    this.#child.stdin?.write(`${directory}\n`);
    if (last) this.end();
    await (last ? exited(this.#child) : this.says(`done ${directory}\n`));
  }

  /** Resolves when the process says a word, or is over. */
  async says(word: string): Promise<void> {
    const stream = this.#child.stdout!;
    // The end of the process is the end of its output.
    while (!this.#said.includes(word) && !stream.readableEnded) await once(stream, 'heard');
    if (stream.readableEnded) await exited(this.#child);
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

/** Resolves when a process says a word, or is over. */
async function says(child: ChildProcess, stream: Readable | null, word: string): Promise<void> {
  let said = '';
  await new Promise<void>((resolve) => {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(word)) resolve();
    });
    void exited(child).then(resolve);
  });
}

/** Whether strace may attach to processes that it did not start. */
function mayAttach(): boolean {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  // Ended by the timeout where it was allowed, at once where it was not.
  const { error } = spawnSync('strace', ['-o', '/dev/null', '-p', String(child.pid)], {
    timeout: 300,
    killSignal: 'SIGINT',
  });
  child.kill('SIGKILL');
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
}

/** Every one of some calls as an injection: the first of its name, the second, … */
export function everyCall(calls: readonly string[], action: string): Injection[] {
  const seen = new Map<string, number>();
  return calls.map((syscall) => {
    const when = (seen.get(syscall) ?? 0) + 1;
    seen.set(syscall, when);
    return { syscall, when, action };
  });
}
