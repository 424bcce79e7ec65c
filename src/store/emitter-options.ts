import type { Attributes } from '../attributes.js';
import type { ErrorListener } from '../diagnostics.js';

/**
 * When a record is in its file: `immediate` when `emit` returns, `batched` within the flush interval.
 *
 * @public
 */
export const DURABILITIES = ['immediate', 'batched'] as const;

/**
 * One of {@link DURABILITIES}.
 *
 * @public
 */
export type Durability = (typeof DURABILITIES)[number];

/**
 * What {@link createEmitter} can be told; every field is optional.
 *
 * @public
 */
export interface EmitterOptions {
  /**
   * Who emits: a number `42` is stored as `agent-42`.
   *
   * @defaultValue `CFN_AGENT_ID`, else host name and pid
   */
  readonly agent?: string | number | undefined;
  /**
   * Directory of the shards. A named directory must exist.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Number of shards, 1 to 1024; all writers of a directory should agree.
   *
   * @defaultValue `CFN_METRICS_SHARDS`, else 16
   */
  readonly shards?: number | undefined;
  /**
   * When a record is in its file.
   *
   * @defaultValue `'immediate'`
   */
  readonly durability?: Durability | undefined;
  /**
   * Batched: milliseconds after which records are stored at the latest, 1 to 60,000.
   *
   * @defaultValue 100
   */
  readonly flushIntervalMs?: number | undefined;
  /**
   * Batched: how many bytes may wait while they cannot be stored, at least 65,536. What comes beyond it is lost, and
   * counted.
   *
   * @defaultValue 1,048,576
   */
  readonly maxQueueBytes?: number | undefined;
  /** Receives each kind of trouble once. It may throw; nobody hears of it. */
  readonly onError?: ErrorListener | undefined;
}

/**
 * What describes the series of an instrument or of one emission.
 *
 * @public
 */
export interface SeriesOptions {
  /** Unit of the value, at most 63 characters. */
  readonly unit?: string | undefined;
  /** What tells series of one metric apart; what is undefined is left out. */
  readonly attributes?: Attributes | undefined;
  /**
   * Who it is about, where that is not the emitter's own agent.
   *
   * @defaultValue the emitter's agent
   */
  readonly agent?: string | number | undefined;
}

/**
 * What {@link Emitter.emit} can be told about one record.
 *
 * @public
 */
export interface EmitOptions extends SeriesOptions {
  /**
   * `counter` adds the value, which must not be negative, to a total; `updowncounter` may add a negative one.
   *
   * @defaultValue `'gauge'`
   */
  readonly type?: 'gauge' | 'counter' | 'updowncounter' | undefined;
}

/**
 * A gauge bound to its series.
 *
 * @public
 */
export interface Gauge {
  /**
   * Records a value.
   *
   * @param value - Any number; NaN and the infinities are stored as such.
   * @returns As {@link Emitter.emit}.
   */
  readonly record: (value: number) => boolean;
}

/**
 * A counter or up-down counter bound to its series.
 *
 * @public
 */
export interface Counter {
  /**
   * Adds to the counter.
   *
   * @param value - A finite number; of a counter not negative.
   * @returns As {@link Emitter.emit}.
   */
  readonly add: (value: number) => boolean;
}

/**
 * What became of the records of an emitter.
 *
 * @public
 */
export interface EmitterStats {
  /** Records that are in their file. */
  readonly stored: number;
  /** Batched: records that wait. */
  readonly queued: number;
  /**
   * Records that are lost, by reason: `invalid` refused as bad input, `full` the file system has no room, `refused`
   * the directory or file is not one to write into, `io` another system error, `backlog` more waited than may,
   * `closed` emitted after `close()`.
   */
  readonly dropped: Readonly<Record<string, number>>;
  /** Appends made without the lock because a stranger held it for himself. */
  readonly unlocked: number;
}
