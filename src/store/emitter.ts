import { Reporter } from '../diagnostics.js';
import { DEFAULT_SHARDS, MAX_SHARDS, readEnvironment } from '../environment.js';
import { MetricsError } from '../errors.js';
import { formatNumber } from '../json.js';
import { integerOption, shown, thrownText, wordOption } from '../options.js';
import { agentId, agentProblem, formatStart, START_TEXT } from '../record.js';
import { TimestampFormatter } from '../timestamp.js';
import { createWriterId, defaultAgent } from '../writer.js';
import { Appender, refusalError } from './appender.js';
import { atExit } from './at-exit.js';
import { Backlog, type Line } from './backlog.js';
import { shardDirectory } from './directory.js';
import { Drops } from './drops.js';
import {
  type Counter,
  DURABILITIES,
  type EmitOptions,
  type EmitterOptions,
  type EmitterStats,
  type Gauge,
  type SeriesOptions,
} from './emitter-options.js';
import { type Series, SeriesCache } from './emitter-series.js';
import { shardOf } from './shard.js';

/** Batched: a shard's queue is stored when it has grown to this. */
const BATCH_CHARS = 65_536;

/**
 * Appends records of one agent to the shards. Made by {@link createEmitter}.
 *
 * @remarks
 * Nothing here throws or waits: what is wrong with a record, and what cannot be stored, makes `emit` return false, is
 * counted in {@link Emitter.stats}, stored as the counter `cfn.metrics.dropped` as soon as that is possible, and told
 * to `onError` once a kind.
 *
 * @public
 */
export class Emitter {
  readonly #agent: string;
  readonly #shards: number;
  readonly #appender: Appender;
  readonly #backlog: Backlog;
  readonly #writer = createWriterId();
  readonly #clock = new TimestampFormatter();
  readonly #drops: Drops;
  readonly #reporter: Reporter;
  readonly #series: SeriesCache;
  #batched: boolean;
  readonly #flushIntervalMs: number;
  readonly #queues = new Map<number, { lines: Line[]; chars: number }>();
  readonly #release: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stored = 0;
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(options: EmitterOptions) {
    const environment = readEnvironment();
    this.#agent = agentId(options.agent ?? environment.agent ?? defaultAgent());
    const problem = agentProblem(this.#agent);
    if (problem !== undefined) throw new MetricsError('ERR_METRICS_OPTION', problem);
    const bounds = { min: 1, max: MAX_SHARDS };
    this.#shards = integerOption('shards', options.shards, environment.shards ?? DEFAULT_SHARDS, bounds);
    this.#batched = wordOption('durability', options.durability, 'immediate', DURABILITIES) === 'batched';
    this.#flushIntervalMs = integerOption('flushIntervalMs', options.flushIntervalMs, 100, {
      min: 1,
      max: 60_000,
    });
    const maxQueueBytes = integerOption('maxQueueBytes', options.maxQueueBytes, 1_048_576, {
      min: BATCH_CHARS,
    });
    this.#appender = new Appender({ directory: shardDirectory(options.directory ?? environment.directory) });
    this.#backlog = new Backlog(this.#appender, maxQueueBytes);
    this.#drops = new Drops(this.#agent, this.#writer, this.#now());
    this.#series = new SeriesCache({
      agent: this.#agent,
      writer: this.#writer,
      shards: this.#shards,
      now: () => this.#now(),
    });
    this.#reporter = new Reporter(options.onError);
    this.#release = atExit((last) => {
      this.flush();
      // Nobody will flush what other listeners of `exit` emit after this one.
      if (last) this.#batched = false;
    });
  }

  /**
   * Records one value.
   *
   * @param metric - Instrument name, as in {@link MetricRecord}.
   * @param value - Any number; of a counter finite and not negative, of an up-down counter finite.
   * @param options - What describes the series.
   * @returns `immediate`: whether the record is in its file. `batched`: whether it was accepted. False for bad input, for
   * what cannot be stored, and after `close()`. Never throws.
   */
  emit(metric: string, value: number, options: EmitOptions = {}): boolean {
    try {
      const series = this.#series.find(metric, options);
      return typeof series === 'string' ? this.refuse(series) : this.#record(series, value);
    } catch (error) {
      // Getters and proxies among the options may throw.
      return this.refuse(thrownText(error));
    }
  }

  /**
   * Binds a gauge to its series, so that recording formats nothing but the time and the value.
   *
   * @param metric - Instrument name.
   * @param options - What describes the series.
   * @returns The gauge; where name or options are bad, one whose `record` returns false.
   */
  gauge(metric: string, options: SeriesOptions = {}): Gauge {
    return { record: this.#bind(metric, options, 'gauge') };
  }

  /**
   * Binds a counter to its series.
   *
   * @param metric - Instrument name.
   * @param options - What describes the series.
   * @returns The counter; where name or options are bad, one whose `add` returns false.
   */
  counter(metric: string, options: SeriesOptions = {}): Counter {
    return { add: this.#bind(metric, options, 'counter') };
  }

  /**
   * Binds an up-down counter to its series.
   *
   * @param metric - Instrument name.
   * @param options - What describes the series.
   * @returns The counter; where name or options are bad, one whose `add` returns false.
   */
  upDownCounter(metric: string, options: SeriesOptions = {}): Counter {
    return { add: this.#bind(metric, options, 'updowncounter') };
  }

  /**
   * Stores what waits, synchronously.
   *
   * @returns Whether nothing waits any longer.
   */
  flush(): boolean {
    if (this.#closed !== undefined) return true;
    for (const shard of new Set([...this.#queues.keys(), ...this.#backlog.shards])) this.#flushShard(shard);
    this.#storeDrops();
    return this.#backlog.size === 0;
  }

  /**
   * Stores what waits and closes the files. What cannot be stored even now is lost, and counted as `backlog`; what is emitted
   * afterwards is refused, and counted as `closed`.
   *
   * @returns The same promise each time; it never rejects.
   */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.flush();
      const lost = this.#backlog.clear();
      if (lost > 0) this.#drops.count('backlog', lost);
      clearTimeout(this.#timer);
      this.#release();
      this.#appender.close();
      this.#closed = Promise.resolve();
    }
    return this.#closed;
  }

  /**
   * Refuses a record that breaks a rule of its own, as `emit` does one that breaks a rule of all records.
   *
   * @param problem - What is wrong with it; the first one is told to `onError`.
   * @returns False; the record counts as dropped for the reason `invalid`.
   */
  refuse(problem: string): false {
    return this.#drop('invalid', problem);
  }

  /** Counts what became of the records so far. */
  stats(): EmitterStats {
    let queued = this.#backlog.size;
    for (const { lines } of this.#queues.values()) queued += lines.length;
    return { stored: this.#stored, queued, dropped: this.#drops.totals(), unlocked: this.#appender.unlocked };
  }

  #now(): string {
    return this.#clock.format(Date.now());
  }

  #bind(metric: string, options: SeriesOptions, type: Series['type']): (value: number) => boolean {
    let series: Series | string;
    try {
      series = this.#series.make(metric, { ...options, type });
    } catch (error) {
      series = thrownText(error);
    }
    if (typeof series === 'string') {
      this.refuse(series);
      return () => this.refuse(`instrument ${shown(metric)} was made with bad options`);
    }
    const bound = series;
    return (value) => this.#record(bound, value);
  }

  #record(series: Series, value: number): boolean {
    if (this.#closed !== undefined) return this.#drop('closed', 'the emitter is closed');
    const { type } = series;
    if (typeof value !== 'number' || (type !== 'gauge' && !isIncrement(value, type))) {
      return this.refuse(`value of a ${type} must be a number it can take, got ${shown(value)}`);
    }
    const timestamp = this.#now();
    let text = START_TEXT + timestamp + series.head + formatNumber(value) + series.tail;
    if (type !== 'gauge') {
      // A clock that was put back must not let an interval begin after its end.
      text += formatStart(series.start < timestamp ? series.start : timestamp);
      series.start = timestamp;
    }
    text += series.end;
    return this.#batched ? this.#enqueue(series.shard, text) : this.#store(series.shard, text);
  }

  #store(shard: number, text: string): boolean {
    this.#appender.append(shard, text);
    if (this.#appender.refusal !== undefined) return this.#dropUnstored();
    this.#stored += 1;
    if (this.#drops.pending) this.#storeDrops();
    return true;
  }

  #enqueue(shard: number, text: string): boolean {
    let queue = this.#queues.get(shard);
    if (queue === undefined) this.#queues.set(shard, (queue = { lines: [], chars: 0 }));
    queue.lines.push({ text });
    queue.chars += text.length;
    if (queue.chars >= BATCH_CHARS) this.#flushShard(shard);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, this.#flushIntervalMs).unref();
    return true;
  }

  #flushShard(shard: number): void {
    const lines = this.#queues.get(shard)?.lines ?? [];
    this.#queues.delete(shard);
    const { stored, lost } = this.#backlog.append(shard, lines, this.#now());
    this.#stored += stored;
    if (lost > 0) this.#drops.count('backlog', lost);
    if (lost > 0 || this.#backlog.waiting(shard) > 0) this.#dropReport();
  }

  #storeDrops(): void {
    const shard = shardOf(this.#agent, this.#shards);
    this.#drops.store(this.#now(), (line) => this.#appender.append(shard, line) === Buffer.byteLength(line));
  }

  #drop(reason: string, message: string): false {
    this.#drops.count(reason);
    const code = reason === 'closed' ? 'ERR_METRICS_CLOSED' : 'ERR_METRICS_RECORD';
    this.#reporter.report(reason, () => new MetricsError(code, message));
    return false;
  }

  #dropUnstored(): false {
    this.#drops.count(this.#appender.refusal ?? 'io');
    return this.#dropReport();
  }

  #dropReport(): false {
    this.#reporter.report(this.#appender.refusal ?? 'io', () => refusalError(this.#appender));
    return false;
  }
}

/**
 * Makes an emitter.
 *
 * @param options - Who emits, where to, and when records are in their file.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option, or a variable in its place, is bad. Nothing else ever
 * throws, and no file is touched before the first record.
 *
 * @public
 */
export function createEmitter(options: EmitterOptions = {}): Emitter {
  return new Emitter(options);
}

function isIncrement(value: number, type: Series['type']): boolean {
  return Number.isFinite(value) && (type === 'updowncounter' || value >= 0);
}
