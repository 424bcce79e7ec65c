import { shown } from '../options.js';
import { Emitter } from '../store/emitter.js';
import type { EmitterOptions, EmitterStats } from '../store/emitter-options.js';

/** What a value may be, both ends included. */
interface Range {
  readonly min: number;
  readonly max: number;
}

const NOT_NEGATIVE: Range = { min: 0, max: Number.MAX_VALUE };
const RATE: Range = { min: 0, max: 1 };

/**
 * Records what a coordinator measures of its agents, with the three methods that code written for the bridge to bash
 * calls; without a child process.
 *
 * @remarks
 * Each call stores one record of the agent it names, in that agent's shard. Needs nothing of OpenTelemetry.
 *
 * @public
 */
export class MetricsBridge {
  readonly #emitter: Emitter;

  /**
   * Makes a bridge. No file is touched before the first record.
   *
   * @param options - As for {@link createEmitter}. Its `agent` only stands for records on the bridge itself, such as
   * what could not be stored.
   * @throws MetricsError `ERR_METRICS_OPTION` where an option, or a variable in its place, is bad. Nothing else ever
   * throws.
   */
  constructor(options: EmitterOptions = {}) {
    this.#emitter = new Emitter(options);
  }

  /**
   * Records how long an agent took to coordinate, as `coordination_time_ms`.
   *
   * @param agentId - The agent: `42` and `'agent-42'` are the same.
   * @param ms - Milliseconds, finite and not negative.
   * @returns Whether the record was stored, or accepted where records are batched; false for bad input.
   */
  recordCoordinationTime(agentId: string | number, ms: number): boolean {
    return this.#record(agentId, 'coordination_time_ms', 'ms', ms, NOT_NEGATIVE);
  }

  /**
   * Records which part of an agent's messages arrived, as `message_delivery_rate`.
   *
   * @param agentId - The agent: `42` and `'agent-42'` are the same.
   * @param rate - From 0, none, to 1, all.
   * @returns Whether the record was stored, or accepted where records are batched; false for bad input.
   */
  recordMessageDelivery(agentId: string | number, rate: number): boolean {
    return this.#record(agentId, 'message_delivery_rate', '1', rate, RATE);
  }

  /**
   * Records how much memory an agent uses, as `memory_usage_mb`.
   *
   * @param agentId - The agent: `42` and `'agent-42'` are the same.
   * @param mb - Megabytes, finite and not negative.
   * @returns Whether the record was stored, or accepted where records are batched; false for bad input.
   */
  recordMemoryUsage(agentId: string | number, mb: number): boolean {
    return this.#record(agentId, 'memory_usage_mb', 'MB', mb, NOT_NEGATIVE);
  }

  /**
   * Stores what waits, synchronously.
   *
   * @returns Whether nothing waits any longer.
   */
  flush(): boolean {
    return this.#emitter.flush();
  }

  /**
   * Stores what waits and closes the files. What is recorded afterwards is refused.
   *
   * @returns The same promise each time; it never rejects.
   */
  close(): Promise<void> {
    return this.#emitter.close();
  }

  /** Counts what became of the records so far. */
  stats(): EmitterStats {
    return this.#emitter.stats();
  }

  #record(agent: unknown, metric: string, unit: string, value: unknown, { min, max }: Range): boolean {
    if (typeof agent !== 'string' && typeof agent !== 'number') {
      return this.#emitter.refuse(`${metric}: agentId must be a string or number, got ${shown(agent)}`);
    }
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      const range = max === 1 ? `from ${min} to ${max}` : 'that is finite and not negative';
      return this.#emitter.refuse(`${metric} must be a number ${range}, got ${shown(value)}`);
    }
    return this.#emitter.emit(metric, value, { agent, unit });
  }
}
