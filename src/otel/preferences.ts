import type { AggregationOption, AggregationTemporality, InstrumentType } from '@opentelemetry/sdk-metrics';

/**
 * What `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` can say.
 *
 * @public
 */
export const TEMPORALITY_PREFERENCES = ['delta', 'cumulative', 'lowmemory'] as const;

/**
 * One of {@link TEMPORALITY_PREFERENCES}.
 *
 * @public
 */
export type TemporalityPreference = (typeof TEMPORALITY_PREFERENCES)[number];

/**
 * What `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` can say.
 *
 * @public
 */
export const HISTOGRAM_AGGREGATIONS = [
  'base2_exponential_bucket_histogram',
  'explicit_bucket_histogram',
] as const;

/**
 * One of {@link HISTOGRAM_AGGREGATIONS}.
 *
 * @public
 */
export type HistogramAggregation = (typeof HISTOGRAM_AGGREGATIONS)[number];

/** The enums of the SDK, whose numbers are the same in its majors 2 and 3: no import at run time for four of them. */
const DELTA: AggregationTemporality.DELTA = 0;
const CUMULATIVE: AggregationTemporality.CUMULATIVE = 1;
const DEFAULT_AGGREGATION = 0;
const EXPONENTIAL_HISTOGRAM = 5;

/** Buckets of an exponential histogram, positive and negative each: the default of the specification. */
const MAX_SIZE = 160;

/** Kinds of instrument that report deltas, by preference. */
const DELTA_KINDS: Readonly<Record<TemporalityPreference, readonly `${InstrumentType}`[]>> = {
  cumulative: [],
  delta: ['COUNTER', 'OBSERVABLE_COUNTER', 'HISTOGRAM', 'GAUGE', 'OBSERVABLE_GAUGE'],
  lowmemory: ['COUNTER', 'HISTOGRAM', 'GAUGE', 'OBSERVABLE_GAUGE'],
};

/**
 * The temporality of one kind of instrument.
 *
 * @remarks
 * As the OTLP exporter's specification has it. It leaves gauges open, which have no temporality; to the SDK, though,
 * `CUMULATIVE` means to repeat each gauge in every interval and keep its attribute sets for ever. So they are `DELTA`
 * unless everything is to be cumulative: stored when they were recorded, as often as they were.
 */
export function temporalityOf(
  preference: TemporalityPreference,
  kind: InstrumentType,
): AggregationTemporality {
  return DELTA_KINDS[preference].includes(kind) ? DELTA : CUMULATIVE;
}

/** The aggregation of one kind of instrument where no view says otherwise. */
export function aggregationOf(histograms: HistogramAggregation, kind: InstrumentType): AggregationOption {
  if ((kind as string) === 'HISTOGRAM' && histograms === 'base2_exponential_bucket_histogram') {
    return { type: EXPONENTIAL_HISTOGRAM, options: { recordMinMax: true, maxSize: MAX_SIZE } };
  }
  // the default of the SDK, and so the advice an instrument gives on its buckets
  return { type: DEFAULT_AGGREGATION };
}
