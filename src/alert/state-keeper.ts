import { join } from 'node:path';
import { StateLock } from '../store/state-lock.js';
import { type AlerterState, loadState, saveState, STATE_FILE } from './state-file.js';

const LOCK = 'alerter.lock';

/** Has the state directory for itself, and keeps the state there. */
export class StateKeeper {
  readonly #path: string;
  readonly #lock: StateLock;
  readonly #problem: (message: string) => void;
  #lastProblem: string | undefined;

  /**
   * Takes the directory.
   *
   * @param problem - Hears what is wrong with the state, each trouble once.
   * @throws MetricsError `ERR_METRICS_STORE` where another alerter has it, and says who.
   */
  constructor(directory: string, problem: (message: string) => void) {
    this.#path = join(directory, STATE_FILE);
    this.#problem = problem;
    this.#lock = StateLock.acquire(directory, LOCK);
  }

  /** What an earlier alerter knew. */
  load(): AlerterState {
    const { problem, ...state } = loadState(this.#path);
    if (problem !== undefined) this.#problem(problem);
    return state;
  }

  /** Keeps what is known. Where it cannot, alerts are sent all the same: twice after a restart is better than never. */
  save(state: AlerterState): void {
    try {
      saveState(this.#path, state);
      this.#lastProblem = undefined;
    } catch (error) {
      const message = `the state cannot be kept: ${error instanceof Error ? error.message : String(error)}`;
      if (message !== this.#lastProblem) this.#problem(message);
      this.#lastProblem = message;
    }
  }

  /** Lets another alerter have it. */
  release(): void {
    this.#lock.release();
  }
}
