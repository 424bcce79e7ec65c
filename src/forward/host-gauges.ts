import type { Metric } from '../otel/cumulative.js';
import type { Series } from '../otel/cumulative-series.js';
import type { ForwarderGaugeRule } from './options.js';
import type { Point } from './point.js';
import { pointOf, seriesOf } from './teller.js';

/**
 * The gauges of all agents as one, by attributes: those of groups in which any agent stored one since they were told.
 *
 * @param rule - How they become one. An agent whose value is NaN is left out.
 * @param since - Agents that stored none since then are no more.
 */
export function* hostGauges(
  metric: Metric,
  rule: ForwarderGaugeRule,
  time: number,
  since: number,
): Generator<Point, void, undefined> {
  const groups = new Map<string, Series[]>();
  const keys = new Map([...metric.series].map(([key, series]) => [series, key]));
  for (const series of seriesOf(metric)) {
    // behind the agent's name stands what else tells series apart
    const key = keys.get(series);
    const rest = key === undefined ? '' : key.slice(key.indexOf('\n'));
    const group = groups.get(rest);
    if (group === undefined) groups.set(rest, [series]);
    else group.push(series);
  }
  for (const group of groups.values()) {
    if (!group.some(({ changed }) => changed)) continue;
    for (const series of group) series.changed = false;
    const [{ identity }] = group as [Series];
    const value = reduce(
      group.filter((series) => series.time >= since && !Number.isNaN(series.value)),
      rule,
    );
    yield pointOf(metric, { identity: { ...identity, agent: undefined } }, { value }, time, undefined);
  }
}

function reduce(group: readonly Series[], rule: ForwarderGaugeRule): number {
  if (group.length === 0) return NaN;
  const sum = (): number => group.reduce((total, { value }) => total + value, 0);
  switch (rule) {
    case 'sum':
      return sum();
    case 'min':
      return group.reduce((least, { value }) => Math.min(least, value), Infinity);
    case 'max':
      return group.reduce((most, { value }) => Math.max(most, value), -Infinity);
    case 'last':
      return group.reduce((last, series) => (series.time >= last.time ? series : last)).value;
    case 'mean':
      return sum() / group.length;
  }
}
