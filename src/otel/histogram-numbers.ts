import type { MetricRecord, RecordType } from '../record.js';

/** The numbers of a histogram point of either kind. */
export type HistogramNumbers = Pick<
  MetricRecord,
  'count' | 'sum' | 'min' | 'max' | 'bounds' | 'counts' | 'scale' | 'zeroCount' | 'positive' | 'negative'
>;

/** Both kinds of histogram in one, as the SDK has them. */
interface SdkHistogram extends Omit<HistogramNumbers, 'bounds' | 'counts'> {
  readonly buckets?: { readonly boundaries: readonly number[]; readonly counts: readonly number[] };
}

/** Gives the numbers of a point the names they have in a record. */
export function histogramNumbers(
  value: unknown,
  type: RecordType,
): HistogramNumbers & Pick<MetricRecord, 'type'> {
  const { count, sum, min, max, buckets, scale, zeroCount, positive, negative } = value as SdkHistogram;
  return {
    type,
    count,
    sum,
    // of nothing, they are infinities that mean nothing
    min: count === 0 ? undefined : min,
    max: count === 0 ? undefined : max,
    bounds: buckets?.boundaries,
    counts: buckets?.counts,
    scale,
    zeroCount,
    positive,
    negative,
  };
}

/** What stands for a histogram where one number is asked for; NaN where there is no sum, or nothing was measured. */
export function mean({ sum, count }: HistogramNumbers): number {
  return sum === undefined || count === undefined || count === 0 ? NaN : sum / count;
}
