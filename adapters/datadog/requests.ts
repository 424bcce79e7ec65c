import type { Distribution, Series, Value } from './series.js';

/** The numbers of the types in version 2: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics. */
const TYPES = { count: 1, gauge: 3 } as const;

// Written as text, for to make objects for JSON.stringify took half of the time of a request: names, types and numbers
// that are finite are JSON as they are.

/** The body of a request to `/api/v2/series`. */
export function seriesV2(all: readonly Series[]): string {
  return bodyOf(all, ({ metric, type, unit, owner: { tagsJson, hostJson } }, interval, values) => {
    const points = values.map(({ second, value }) => `{"timestamp":${second},"value":${value}}`).join();
    const length = interval === undefined ? '' : `,"interval":${interval}`;
    const named = unit === undefined ? '' : `,"unit":"${unit}"`;
    const host = hostJson === undefined ? '' : `,"resources":[{"type":"host","name":${hostJson}}]`;
    return `{"metric":"${metric}","type":${TYPES[type]}${length}${named},"points":[${points}],"tags":${tagsJson}${host}}`;
  });
}

/** The body of a request to `/api/v1/series`. */
export function seriesV1(all: readonly Series[]): string {
  return bodyOf(all, ({ metric, type, owner: { tagsJson, hostJson } }, interval, values) => {
    const points = values.map(({ second, value }) => `[${second},${value}]`).join();
    const length = interval === undefined ? '' : `,"interval":${interval}`;
    const host = hostJson === undefined ? '' : `,"host":${hostJson}`;
    return `{"metric":"${metric}","type":"${type}"${length},"points":[${points}],"tags":${tagsJson}${host}}`;
  });
}

/** The body of a request to `/api/v1/distribution_points`. */
export function distributionPoints(all: readonly Distribution[]): string {
  const series = all.map(({ metric, owner: { tags, host }, values }) => ({
    metric,
    type: 'distribution',
    points: [...values],
    tags,
    ...(host !== undefined && { host }),
  }));
  return JSON.stringify({ series });
}

/** Of a series the length of intervals is said once: values of another length are another one. */
function bodyOf(
  all: readonly Series[],
  textOf: (series: Series, interval: number | undefined, values: readonly Value[]) => string,
): string {
  const texts: string[] = [];
  for (const series of all) {
    const { values } = series;
    const { interval } = values[0]!;
    if (values.every((value) => value.interval === interval)) texts.push(textOf(series, interval, values));
    else for (const [length, some] of byInterval(values)) texts.push(textOf(series, length, some));
  }
  return `{"series":[${texts.join()}]}`;
}

function byInterval(values: readonly Value[]): Map<number | undefined, Value[]> {
  const parts = new Map<number | undefined, Value[]>();
  for (const value of values) {
    const part = parts.get(value.interval);
    if (part === undefined) parts.set(value.interval, [value]);
    else part.push(value);
  }
  return parts;
}
