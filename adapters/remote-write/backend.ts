import type { Backend, BackendLimits, BackendRequest } from '../../src/forward/backend.js';
import type { Point } from '../../src/forward/point.js';
import {
  type ExplicitCounts,
  ExponentialBounds,
  type ExponentialCounts,
} from '../../src/prometheus/exponential-bounds.js';
import { Owners } from './owners.js';
import { type Identity, SeriesNames } from './series.js';
import { snappy } from './snappy.js';
import { WriteRequest } from './write-request.js';

/** Metrics whose bounds are remembered; of more, all are forgotten. */
const MAX_METRICS = 10_000;
const NO_BUCKETS = { offset: 0, bucketCounts: [] };

/** What a {@link RemoteWriteBackend} is told. */
export interface RemoteWriteSettings {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAgeMs: number;
}

/** Writes points as Prometheus' remote write 1.0. */
export class RemoteWriteBackend implements Backend {
  readonly name = 'prometheus-remote-write';
  readonly temporality = 'cumulative';
  readonly limits: BackendLimits;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #names: SeriesNames;
  readonly #owners = new Owners();
  readonly #bounds = new ExponentialBounds();
  readonly #metrics = new Set<string>();

  constructor({ url, headers, prefix, labels, maxAgeMs }: RemoteWriteSettings) {
    this.#url = url.href;
    this.#headers = {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
      ...headers,
    };
    this.#names = new SeriesNames(prefix, labels);
    // Receivers name no limits; these are far from what Mimir and VictoriaMetrics refuse.
    this.limits = { points: 10_000, bytes: 8e6, rawBytes: 16e6, maxAgeMs, maxFutureMs: Infinity };
  }

  /** {@inheritDoc Backend.encode} */
  encode(points: readonly Point[]): readonly BackendRequest[] {
    const request = new WriteRequest();
    // Prometheus refuses all of a request in which one series has two values of one time.
    const seen = new Map<number, Set<string>>();
    const explicit = this.#explicit(points);
    const taken: Point[] = [];
    for (const point of points) {
      const identity = this.#claim(point);
      if (identity === undefined) continue;
      if (!isFirst(seen, point.time, identity.text)) continue;
      taken.push(point);
      this.#add(request, identity, point, explicit.get(point));
    }
    if (taken.length === 0) return [];
    const { message } = request;
    return [
      {
        ...{ url: this.#url, headers: this.#headers, points: taken },
        ...{ body: snappy(message), rawBytes: message.length },
      },
    ];
  }

  /** {@inheritDoc Backend.resume} */
  resume(points: readonly Point[]): void {
    for (const point of points) this.#claim(point);
  }

  /** {@inheritDoc Backend.whyUntold} */
  whyUntold(point: Point): string {
    const name = this.#names.familyOf(point);
    return this.#names.identityOf(point) === undefined
      ? `two metrics would be ${name}, and the first of them is told`
      : `two series would be ${name} with the same labels, and the first of them is told`;
  }

  /** Who a point is of; undefined where its name, or its name with its labels, belongs to another. */
  #claim(point: Point): Identity | undefined {
    const identity = this.#names.identityOf(point);
    if (identity === undefined) return undefined;
    const { text, source } = identity;
    const { time, type, count, value } = point;
    const news = type === 'gauge' ? NaN : (count ?? value);
    return this.#owners.claim({ text, source, time, news }) ? identity : undefined;
  }

  #add(
    request: WriteRequest,
    identity: Identity,
    point: Point,
    exponential: ExplicitCounts | undefined,
  ): void {
    const { time, value, type } = point;
    const names = this.#names;
    if (type !== 'histogram' && type !== 'exponential_histogram') {
      request.add(names.encode(identity, '', undefined), value, time);
      return;
    }
    const { bounds = [], counts = [] } = exponential ?? point;
    let total = 0;
    for (let i = 0; i < bounds.length; i += 1) {
      total += counts[i] ?? 0;
      if (bounds[i] === Infinity) continue;
      request.add(names.encode(identity, '_bucket', String(bounds[i])), total, time);
    }
    const { count = 0, sum } = point;
    request.add(names.encode(identity, '_bucket', '+Inf'), count, time);
    request.add(names.encode(identity, '_count', undefined), count, time);
    if (sum !== undefined) request.add(names.encode(identity, '_sum', undefined), sum, time);
  }

  /**
   * Exponential histograms as explicit ones, those of one metric with the same bounds.
   *
   * @remarks
   * The bounds depend on what came before, so that a repeat after a restart may have others; but how many are at most a
   * bound does not, and bounds that two of them share have the same values.
   */
  #explicit(points: readonly Point[]): ReadonlyMap<Point, ExplicitCounts> {
    const byMetric = new Map<string, Point[]>();
    for (const point of points) {
      if (point.type !== 'exponential_histogram') continue;
      const others = byMetric.get(point.metric);
      if (others === undefined) byMetric.set(point.metric, [point]);
      else others.push(point);
    }
    const explicit = new Map<Point, ExplicitCounts>();
    for (const [metric, group] of byMetric) {
      if (this.#metrics.size >= MAX_METRICS) {
        this.#metrics.clear();
        this.#bounds.keepOnly(this.#metrics);
      }
      this.#metrics.add(metric);
      this.#bounds
        .convert(metric, group.map(countsOf))
        .forEach((counts, i) => explicit.set(group[i]!, counts));
    }
    return explicit;
  }
}

function isFirst(seen: Map<number, Set<string>>, time: number, text: string): boolean {
  let texts = seen.get(time);
  if (texts === undefined) seen.set(time, (texts = new Set()));
  const { size } = texts;
  return texts.add(text).size > size;
}

function countsOf({ scale = 0, zeroCount = 0, positive, negative }: Point): ExponentialCounts {
  return { scale, zeroCount, positive: positive ?? NO_BUCKETS, negative: negative ?? NO_BUCKETS };
}
