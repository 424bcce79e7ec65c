import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { MetricsError } from '../../errors.js';
import { splitLines } from './lines.js';

/** How a process of agents is started. */
export interface AgentCommand {
  readonly kind: 'typescript' | 'bash';
  /** The numbers of its agents. */
  readonly agents: readonly number[];
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A process of agents. It ends when its stdin does, and so with this process, whatever becomes of it. */
export class AgentProcess {
  readonly kind: AgentCommand['kind'];
  readonly agents: readonly number[];
  /** Fulfilled when it can be sent messages; rejected where it ends before. */
  readonly ready: Promise<void>;
  /** Fulfilled when it has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  #running = true;

  /**
   * Starts it.
   *
   * @param onLine - Receives what it says, line by line.
   */
  constructor({ kind, agents, program, args, env }: AgentCommand, onLine: (line: string) => void) {
    this.kind = kind;
    this.agents = agents;
    // In a session of its own, so that Ctrl-C reaches the coordinator alone, which ends the others in good order.
    this.#child = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    // It may be gone before it is written to.
    this.#child.stdin.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      const end = (): void => {
        this.#running = false;
        resolve();
      };
      this.#child.once('close', end).once('error', end);
    });
    this.ready = new Promise((resolve, reject) => {
      this.#child.once('error', (cause) => {
        reject(failure(`${program} cannot be started: ${cause.message}`, cause));
      });
      this.#child.once('close', (code, signal) => {
        reject(failure(`agent ${agents[0]} (${kind}) ended with ${signal ?? code} before it was ready`));
      });
      void this.#follow((line) => (line === 'ready' ? resolve() : onLine(line)));
    });
    // Also while nobody waits for it.
    this.ready.catch(() => undefined);
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it has not ended yet. */
  get running(): boolean {
    return this.#running;
  }

  /** Sends a line. */
  send(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Asks it to end, once it has done what it was sent. */
  end(): void {
    this.#child.stdin.end();
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #follow(onLine: (line: string) => void): Promise<void> {
    try {
      for await (const lines of splitLines(this.#child.stdout)) for (const line of lines) onLine(line);
    } catch {
      // It was killed.
    }
  }
}

function failure(message: string, cause?: Error): MetricsError {
  return new MetricsError('ERR_METRICS_STORE', message, { cause });
}
