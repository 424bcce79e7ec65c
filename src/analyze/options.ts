import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { agentId, agentProblem } from '../record.js';

/**
 * What tells groups apart, beside metric, type and unit: `agent`, or the attribute of a name. `metric` may be said and
 * adds nothing.
 *
 * @public
 */
export type GroupKey = 'metric' | 'agent' | `attr:${string}`;

/**
 * What {@link analyze} can be told; every field is optional.
 *
 * @public
 */
export interface AnalyzeOptions {
  /**
   * Unix milliseconds of the first record that counts, itself included.
   *
   * @defaultValue no limit
   */
  readonly since?: number | undefined;
  /**
   * Unix milliseconds before which the last record that counts was appended, itself excluded: windows that follow one
   * another have no record in common.
   *
   * @defaultValue no limit
   */
  readonly until?: number | undefined;
  /**
   * Metrics that count, as patterns: `*` stands for any characters, `?` for one. A metric counts when one of them
   * matches all of its name; an empty list matches none.
   *
   * @defaultValue all
   */
  readonly metrics?: readonly string[] | undefined;
  /**
   * Agents that count. `42`, `'42'` and `'agent-42'` are one agent; an empty list is none.
   *
   * @defaultValue all
   */
  readonly agents?: readonly (string | number)[] | undefined;
  /**
   * What tells groups apart, beside metric, type and unit.
   *
   * @defaultValue `['metric']`
   */
  readonly groupBy?: readonly GroupKey[] | undefined;
}

/** {@link AnalyzeOptions}, read and checked. */
export interface Query {
  /** -Infinity where there is no limit. */
  readonly since: number;
  /** Infinity where there is no limit. */
  readonly until: number;
  readonly metrics: readonly string[] | undefined;
  /** Agents in stored form. */
  readonly agents: ReadonlySet<string> | undefined;
  /** `{ agent: true }` or the name of an attribute, in the order that was asked for. */
  readonly keys: readonly QueryKey[];
}

/** One of the things that tell groups apart: the agent, or an attribute. */
export type QueryKey = { readonly attribute?: undefined } | { readonly attribute: string };

const ATTRIBUTE = 'attr:';

/** Reads and checks the options. */
export function readQuery(options: AnalyzeOptions): Query {
  const since = timeOption('since', options.since) ?? -Infinity;
  const until = timeOption('until', options.until) ?? Infinity;
  if (until < since) refuse(`until must not be before since, got ${until} before ${since}`);
  for (const pattern of options.metrics ?? []) {
    if (typeof pattern !== 'string') refuse(`metrics must be patterns, got ${shown(pattern)}`);
  }
  return {
    since,
    until,
    metrics: options.metrics && [...options.metrics],
    agents: options.agents && new Set(options.agents.map(readAgent)),
    keys: [...new Set(options.groupBy)].filter((key) => key !== 'metric').map(readKey),
  };
}

function timeOption(name: string, time: unknown): number | undefined {
  if (time === undefined) return undefined;
  if (typeof time === 'number' && !Number.isNaN(new Date(time).getTime())) return time;
  return refuse(`${name} must be Unix milliseconds, got ${shown(time)}`);
}

function readAgent(agent: string | number): string {
  const id = agentId(agent);
  const problem = agentProblem(id);
  return problem === undefined ? id : refuse(`agents: ${problem}`);
}

function readKey(key: string): QueryKey {
  if (key === 'agent') return {};
  if (typeof key === 'string' && key.startsWith(ATTRIBUTE) && key.length > ATTRIBUTE.length) {
    return { attribute: key.slice(ATTRIBUTE.length) };
  }
  return refuse(`groupBy must be metric, agent or attr:NAME, got ${shown(key)}`);
}

function refuse(message: string): never {
  throw new MetricsError('ERR_METRICS_OPTION', message);
}
