import { Refusal, type Received, type Server, startServer } from './server.js';

/** One series as Datadog keeps it: of each second the last value. */
export interface StoredSeries {
  readonly metric: string;
  readonly type: 'count' | 'gauge';
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly values: Map<number, number>;
  readonly intervals: Set<number | undefined>;
}

/** A series of raw values, all of which are kept. */
export interface StoredDistribution {
  readonly metric: string;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly values: Map<number, number[]>;
}

/** What Datadog would be told, in place of it. */
export interface DatadogReceiver extends Server {
  readonly series: Map<string, StoredSeries>;
  readonly distributions: Map<string, StoredDistribution>;
  /** Paths that were asked for, of requests that were taken. */
  readonly paths: string[];
}

/** What a receiver is like. */
export interface DatadogRules {
  readonly apiKey?: string;
  readonly bytes?: number;
  /** The time that it thinks it is, for how old a point may be; undefined where it does not look. */
  readonly now?: () => number;
}

type Decoded = ReturnType<typeof JSON.parse>;

/** Starts a receiver that takes what https://docs.datadoghq.com/api/latest/metrics/ has, and nothing else. */
export async function startDatadogReceiver(rules: DatadogRules = {}, port = 0): Promise<DatadogReceiver> {
  const series = new Map<string, StoredSeries>();
  const distributions = new Map<string, StoredDistribution>();
  const paths: string[] = [];
  const server = await startServer(
    { bytes: rules.bytes ?? 512_000, rawBytes: 5_242_879 },
    (request) => {
      if (request.headers['dd-api-key'] !== (rules.apiKey ?? 'key')) throw new Refusal(403, 'Forbidden');
      if (request.headers['content-type'] !== 'application/json') throw new Refusal(415, 'content-type');
      const { series: told, ...more } = JSON.parse(request.body.toString('utf8'));
      only(more, []);
      check(Array.isArray(told) && told.length > 0, 'series');
      take(request, told as readonly Decoded[], { series, distributions, now: rules.now?.() });
      paths.push(request.path);
      const body = request.path === '/api/v2/series' ? '{"errors":[]}' : '{"status":"ok"}';
      return { status: 202, headers: { 'content-type': 'application/json' }, body };
    },
    port,
  );
  return { ...server, series, distributions, paths };
}

interface Store {
  readonly series: Map<string, StoredSeries>;
  readonly distributions: Map<string, StoredDistribution>;
  readonly now: number | undefined;
}

function take({ path, headers }: Received, told: readonly Decoded[], store: Store): void {
  const seen = new Set<string>();
  const once = (second: number, key: string): void => {
    check(!seen.has(`${second} ${key}`), `two values of second ${second}: ${key}`);
    seen.add(`${second} ${key}`);
  };
  switch (path) {
    case '/api/v2/series':
      for (const each of told) takeSeries(readV2(each), store, once);
      return;
    case '/api/v1/series':
      for (const each of told) takeSeries(readV1(each), store, once);
      return;
    case '/api/v1/distribution_points':
      if (headers['content-encoding'] !== 'deflate') throw new Refusal(415, 'deflate only');
      for (const each of told) takeDistribution(each, store);
      return;
    default:
      throw new Refusal(404, path);
  }
}

interface Read extends Omit<StoredSeries, 'values' | 'intervals'> {
  readonly interval: number | undefined;
  readonly points: readonly (readonly [number, number])[];
}

function readV2(each: Decoded): Read {
  only(each, ['metric', 'type', 'interval', 'unit', 'points', 'tags', 'resources']);
  const { metric, type, interval, unit, points, tags, resources = [] } = each;
  const kind = ([undefined, 'count', 'rate', 'gauge'] as const)[type as number];
  check(kind === 'count' || kind === 'gauge', `type ${type}`);
  check(unit === undefined || typeof unit === 'string', 'unit');
  for (const resource of resources as readonly Decoded[]) {
    only(resource, ['type', 'name']);
    check(resource.type === 'host' && typeof resource.name === 'string', 'resource');
  }
  check((resources as readonly Decoded[]).length <= 1, 'two hosts');
  const pairs = (points as readonly Decoded[]).map((point): [number, number] => {
    only(point, ['timestamp', 'value']);
    return [point.timestamp, point.value];
  });
  return { metric, type: kind, interval, points: pairs, tags, host: resources[0]?.name };
}

function readV1(each: Decoded): Read {
  only(each, ['metric', 'type', 'interval', 'points', 'tags', 'host']);
  const { metric, type, interval, points, tags, host } = each;
  check(type === 'count' || type === 'gauge', `type ${type}`);
  check(
    (points as readonly Decoded[]).every((point) => Array.isArray(point) && point.length === 2),
    'point',
  );
  return { metric, type, interval, points, tags, host };
}

function takeSeries(read: Read, store: Store, once: (second: number, key: string) => void): void {
  const { metric, type, tags, host, interval, points } = read;
  judge(read);
  check(interval === undefined || (Number.isInteger(interval) && interval > 0), `interval ${interval}`);
  check(type === 'count' || interval === undefined, 'interval of a gauge');
  check(points.length > 0, 'points');
  const key = `${type} ${metric} ${host ?? ''} ${tags.join(' ')}`;
  const kept = store.series.get(key) ?? {
    ...{ metric, type, tags, host },
    values: new Map<number, number>(),
    intervals: new Set<number | undefined>(),
  };
  store.series.set(key, kept);
  kept.intervals.add(interval);
  for (const [second, value] of points) {
    judgeTime(second, store.now);
    check(typeof value === 'number' && Number.isFinite(value), `value ${value}`);
    once(second, key);
    kept.values.set(second, value);
  }
}

function takeDistribution(each: Decoded, store: Store): void {
  only(each, ['metric', 'type', 'points', 'tags', 'host']);
  const { metric, type, points, tags, host } = each;
  check(type === 'distribution', `type ${type}`);
  judge({ metric, tags, host });
  const key = `${metric} ${host ?? ''} ${(tags as string[]).join(' ')}`;
  const kept = store.distributions.get(key) ?? { metric, tags, host, values: new Map<number, number[]>() };
  store.distributions.set(key, kept);
  for (const [second, values] of points as [number, number[]][]) {
    judgeTime(second, store.now);
    check(values.length > 0 && values.every((value) => Number.isFinite(value)), 'values');
    kept.values.set(second, [...(kept.values.get(second) ?? []), ...values]);
  }
}

/** Rules of names and tags. */
function judge({ metric, tags, host }: Pick<Read, 'metric' | 'tags' | 'host'>): void {
  check(/^[A-Za-z][A-Za-z0-9_.]{0,199}$/.test(metric), `metric ${metric}`);
  check(host === undefined || (typeof host === 'string' && host.length > 0), 'host');
  check(Array.isArray(tags) && new Set(tags).size === tags.length, 'tags');
  for (const tag of tags) {
    check(/^\p{L}[\p{L}\p{N}_\-:./]*$/u.test(tag) && tag === tag.toLowerCase(), `tag ${tag}`);
    check(Array.from(tag).length <= 200 && !tag.endsWith(':'), `tag ${tag}`);
  }
}

function judgeTime(second: number, now: number | undefined): void {
  check(Number.isInteger(second) && second >= 0, `timestamp ${second}`);
  if (now === undefined) return;
  check(second * 1000 >= now - 3_601_000 && second * 1000 <= now + 600_000, `age of ${second}`);
}

function only(object: object, keys: readonly string[]): void {
  const other = Object.keys(object).find((key) => !keys.includes(key));
  check(other === undefined, `there is no field ${other}`);
}

function check(ok: boolean, what: string): asserts ok {
  if (!ok) throw new Refusal(400, what);
}
