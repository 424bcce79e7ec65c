import type { Distribution, Series, Value } from './series.js';

/** The numbers of the types in version 2: https://docs.datadoghq.com/api/latest/metrics/#submit-metrics. */
const TYPES = { count: 1, gauge: 3 } as const;

/** Values of a series that are of intervals of one length: the length is said once for all of them. */
interface Part {
  readonly interval: number | undefined;
  readonly values: readonly (readonly [second: number, value: number])[];
}

/** The body of a request to `/api/v2/series`. */
export function seriesV2(all: readonly Series[]): string {
  const series = all.flatMap((each) => {
    const { metric, type, unit, tags, host } = each;
    return partsOf(each).map(({ interval, values }) => ({
      metric,
      type: TYPES[type],
      ...(interval !== undefined && { interval }),
      ...(unit !== undefined && { unit }),
      points: values.map(([timestamp, value]) => ({ timestamp, value })),
      tags,
      ...(host !== undefined && { resources: [{ type: 'host', name: host }] }),
    }));
  });
  return JSON.stringify({ series });
}

/** The body of a request to `/api/v1/series`. */
export function seriesV1(all: readonly Series[]): string {
  const series = all.flatMap((each) => {
    const { metric, type, tags, host } = each;
    return partsOf(each).map(({ interval, values }) => ({
      metric,
      type,
      ...(interval !== undefined && { interval }),
      points: values,
      tags,
      ...(host !== undefined && { host }),
    }));
  });
  return JSON.stringify({ series });
}

/** The body of a request to `/api/v1/distribution_points`. */
export function distributionPoints(all: readonly Distribution[]): string {
  const series = all.map(({ metric, tags, host, values }) => ({
    metric,
    type: 'distribution',
    points: [...values],
    tags,
    ...(host !== undefined && { host }),
  }));
  return JSON.stringify({ series });
}

function partsOf({ values }: Series): Part[] {
  const parts = new Map<number | undefined, [number, number][]>();
  for (const [second, { value, interval }] of values as ReadonlyMap<number, Value>) {
    const part = parts.get(interval);
    if (part === undefined) parts.set(interval, [[second, value]]);
    else part.push([second, value]);
  }
  return [...parts].map(([interval, values]) => ({ interval, values }));
}
