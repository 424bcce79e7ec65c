import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Reporter } from '../diagnostics.js';
import { MetricsError } from '../errors.js';
import { agentId, agentProblem } from '../record.js';
import { type Appender, refusalError } from '../store/appender.js';
import { Backlog, type Line } from '../store/backlog.js';
import { Drops } from '../store/drops.js';
import { shardOf } from '../store/shard.js';
import { TimestampFormatter } from '../timestamp.js';
import { createWriterId, defaultAgent } from '../writer.js';
import { type Conversion, convert } from './convert.js';
import { AGENT_ATTRIBUTE } from './point-attributes.js';
import { TargetInfo } from './target-info.js';

/** What a {@link PointStore} needs. */
export interface PointStoreOptions {
  readonly appender: Appender;
  readonly shards: number;
  /** The agent an option names, before all others; in stored form. */
  readonly agent: string | undefined;
  /** The agent `CFN_AGENT_ID` names, after the resource's; in stored form. */
  readonly environmentAgent: string | undefined;
  readonly maxQueueBytes: number;
  readonly reporter: Reporter;
}

/** What became of one batch. */
export interface Outcome {
  /** Points that wait because they could not be stored; they are stored with the next batch. */
  readonly waiting: number;
  /** Points that are lost, for no more could be kept. */
  readonly lost: number;
}

/**
 * Stores batches of points in the shards, each shard's lines as one append.
 *
 * @remarks
 * The SDK forgets a delta once it has exported it, whatever became of it. So what was not wholly stored is kept, and
 * stored before what comes next.
 */
export class PointStore {
  readonly #options: PointStoreOptions;
  readonly #backlog: Backlog;
  readonly #writer = createWriterId();
  readonly #targetInfo = new TargetInfo(this.#writer);
  readonly #clock = new TimestampFormatter();
  /** Inode of the live file that knows of the resource, by shard. */
  readonly #described = new Map<number, number>();
  /** Shards whose live file is about to. */
  readonly #introduced = new Set<number>();
  #resource: unknown = null;
  #agent = '';
  #drops: Drops | undefined;
  #stored = 0;

  constructor(options: PointStoreOptions) {
    this.#options = options;
    this.#backlog = new Backlog(options.appender, options.maxQueueBytes);
  }

  /** Stores a batch. */
  store(metrics: ResourceMetrics): Outcome {
    this.#know(metrics.resource);
    const now = Date.now();
    const { shards } = this.#options;
    const batch = convert(metrics, { agent: this.#agent, writer: this.#writer, shards, now });
    this.#reportProblems(batch);

    const timestamp = this.#clock.format(now);
    let lost = 0;
    for (const [shard, lines] of batch.lines) {
      lost += this.#storeShard(shard, lines, batch.agents.get(shard) ?? this.#agent, timestamp);
    }
    // shards that this batch had nothing for
    for (const shard of this.#backlog.shards)
      if (!batch.lines.has(shard)) lost += this.#append(shard, [], timestamp);
    this.#storeDrops(timestamp);
    return { waiting: this.#backlog.size, lost };
  }

  /** Tries again to store what waits. */
  flush(): void {
    const timestamp = this.#clock.format(Date.now());
    for (const shard of this.#backlog.shards) this.#append(shard, [], timestamp);
    this.#storeDrops(timestamp);
  }

  /** Stores what waits, counts what cannot be stored as lost, and closes the files. */
  close(): void {
    this.flush();
    const lost = this.#backlog.clear();
    if (lost > 0) this.#countLost('backlog', lost);
    this.#options.appender.close();
  }

  /** Counts what became of the points so far. */
  stats(): { stored: number; queued: number; dropped: Readonly<Record<string, number>>; unlocked: number } {
    const { unlocked } = this.#options.appender;
    return {
      stored: this.#stored,
      queued: this.#backlog.size,
      dropped: this.#drops?.totals() ?? {},
      unlocked,
    };
  }

  /** Finds out who a resource is, once. */
  #know(resource: ResourceMetrics['resource']): void {
    if (resource === this.#resource) return;
    const attributes: Readonly<Record<string, unknown>> = resource.attributes;
    if (this.#targetInfo.describe(attributes)) this.#described.clear();
    const { agent, environmentAgent } = this.#options;
    this.#agent =
      agent ??
      usable(attributes[AGENT_ATTRIBUTE]) ??
      environmentAgent ??
      usable(attributes['service.instance.id']) ??
      defaultAgent();
    this.#drops ??= new Drops(this.#agent, this.#writer, this.#clock.format(Date.now()));
    this.#resource = resource;
  }

  #storeShard(shard: number, lines: readonly Line[], agent: string, timestamp: string): number {
    const { appender } = this.#options;
    appender.open(shard);
    if (this.#described.get(shard) === appender.inode(shard)) return this.#append(shard, lines, timestamp);
    this.#introduced.add(shard);
    return this.#append(shard, [this.#targetInfo.line(agent, timestamp), ...lines], timestamp);
  }

  /** Appends what waits for a shard and these lines, and says how many are lost. */
  #append(shard: number, lines: readonly Line[], timestamp: string): number {
    const { appender } = this.#options;
    const { stored, lost } = this.#backlog.append(shard, lines, timestamp);
    const waiting = this.#backlog.waiting(shard);
    this.#stored += stored;
    if (lost > 0) this.#countLost('backlog', lost);
    if (waiting > 0) this.#reportRefusal();
    // The resource comes first: it is in the file unless all lines wait, and then the next one takes its place.
    if (lost === 0 && waiting < Math.max(1, lines.length) && this.#introduced.delete(shard)) {
      this.#described.set(shard, appender.inode(shard));
    }
    return lost;
  }

  #storeDrops(timestamp: string): void {
    if (this.#drops?.pending !== true) return;
    const shard = shardOf(this.#agent, this.#options.shards);
    this.#drops.store(
      timestamp,
      (line) => this.#options.appender.append(shard, line) === Buffer.byteLength(line),
    );
  }

  #countLost(reason: string, points: number): void {
    this.#drops?.count(reason, points);
    this.#options.reporter.report(reason, () => {
      const { directory } = this.#options.appender;
      return new MetricsError(
        'ERR_METRICS_STORE',
        `${points} records for ${directory} are lost: no more may wait`,
      );
    });
  }

  #reportProblems({ refused, problem, agentProblem }: Conversion): void {
    const { reporter } = this.#options;
    if (agentProblem !== undefined) {
      reporter.report(
        'agent',
        () => new MetricsError('ERR_METRICS_RECORD', `${agentProblem}; ${this.#agent} stands in`),
      );
    }
    if (refused === 0) return;
    this.#drops?.count('invalid', refused);
    reporter.report(
      'invalid',
      () => new MetricsError('ERR_METRICS_RECORD', problem ?? 'a point is no record'),
    );
  }

  #reportRefusal(): void {
    const { appender, reporter } = this.#options;
    reporter.report(appender.refusal ?? 'io', () => refusalError(appender));
  }
}

/** An attribute as an agent's id in stored form, where it can be one. */
function usable(attribute: unknown): string | undefined {
  if (typeof attribute !== 'string' && typeof attribute !== 'number') return undefined;
  const id = agentId(attribute);
  return agentProblem(id) === undefined ? id : undefined;
}
