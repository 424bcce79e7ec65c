import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Names the run in the environment of every process that it started, and of those that they started. */
const MARK = 'CFN_FAULTS_RUN';

/** The processes of one run. */
export class Processes {
  readonly #mark: string;
  readonly #children = new Set<ChildProcess>();
  #over = false;

  /**
   * Begins with none.
   *
   * @param mark - What is unique to this run.
   */
  constructor(mark: string) {
    this.#mark = mark;
  }

  /** Starts one. */
  readonly spawn = (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess => {
    // A case that was given up may still be at work.
    if (this.#over) throw new Error('the run is over');
    const env = { ...(options.env ?? process.env), [MARK]: this.#mark };
    const child = spawn(command, args, { ...options, env });
    this.#children.add(child);
    const forget = (): void => void this.#children.delete(child);
    child.once('exit', forget);
    child.once('error', forget);
    // Writing to one that has ended is no trouble.
    child.stdin?.on('error', () => undefined);
    return child;
  };

  /** Kills all that still run, and waits until they are gone. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.all(
      [...this.#children].map(async (child) => {
        // SIGKILL ends a stopped process too.
        if (child.kill('SIGKILL')) await exited(child);
      }),
    );
  }

  /** Processes of this run that are there although they should not be; they are killed. */
  leftovers(): number {
    let found = 0;
    for (const pid of processIds()) {
      if (!environment(pid).includes(`${MARK}=${this.#mark}\0`)) continue;
      found += 1;
      process.kill(pid, 'SIGKILL');
    }
    return found;
  }
}

/** Waits for the end of a process; at once where it has ended. */
export async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** What a process was started with; empty where that is none of our business, and for one that has ended. */
function environment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}
