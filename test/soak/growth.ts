/** One measurement: when, in seconds, and how much. */
export interface Sample {
  readonly time: number;
  readonly value: number;
}

/** How fast something grows. */
export interface Growth {
  /** Measurements it is drawn from. */
  readonly samples: number;
  readonly mean: number;
  /** Least-squares slope, per day. */
  readonly perDay: number;
  /** With 95 % confidence it grows no faster than this, per day. */
  readonly atMostPerDay: number;
  /** With 95 % confidence it grew by no less than this while it was measured, as a part of the mean. */
  readonly atLeastPart: number;
}

const DAY = 86_400;
/** Quantile 0.95 of the normal distribution. */
const ONE_SIDED = 1.645;

/**
 * Fits a line through measurements.
 *
 * @remarks
 * The bounds are the slope and 1.645 of its standard errors
 * (https://en.wikipedia.org/wiki/Simple_linear_regression). Measurements that follow each other are not independent:
 * a sawtooth, such as a garbage collector's, makes the bounds of a short run wide.
 */
export function growth(samples: readonly Sample[]): Growth {
  const n = samples.length;
  const meanTime = sum(samples, ({ time }) => time) / n;
  const mean = sum(samples, ({ value }) => value) / n;
  const spread = sum(samples, ({ time }) => (time - meanTime) ** 2);
  if (n < 3 || spread === 0) {
    return { samples: n, mean, perDay: NaN, atMostPerDay: NaN, atLeastPart: NaN };
  }
  const slope = sum(samples, ({ time, value }) => (time - meanTime) * (value - mean)) / spread;
  const residuals = sum(samples, ({ time, value }) => (value - mean - slope * (time - meanTime)) ** 2);
  const margin = ONE_SIDED * Math.sqrt(residuals / (n - 2) / spread);
  const lasted = (samples.at(-1)?.time ?? 0) - (samples[0]?.time ?? 0);
  return {
    samples: n,
    mean,
    perDay: slope * DAY,
    atMostPerDay: (slope + margin) * DAY,
    atLeastPart: mean === 0 ? 0 : ((slope - margin) * lasted) / mean,
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
