// The enums of the SDK, whose numbers are the same in its majors 2 and 3, so that nothing of it is loaded for them.
import type { RecordType } from '../record.js';

/** Members of `DataPointType`. */
export const HISTOGRAM = 0;
export const EXPONENTIAL_HISTOGRAM = 1;
export const GAUGE = 2;
export const SUM = 3;

/** Members of `AggregationTemporality`. */
export const DELTA = 0;
export const CUMULATIVE = 1;

/** The member of `ValueType` for any number. */
export const DOUBLE = 1;

/** What points of each kind of record are. */
export const DATA_POINT_TYPES: Readonly<Record<RecordType, number>> = {
  gauge: GAUGE,
  counter: SUM,
  updowncounter: SUM,
  histogram: HISTOGRAM,
  exponential_histogram: EXPONENTIAL_HISTOGRAM,
};
