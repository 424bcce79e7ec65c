/** One measurement: when, in seconds, and how much. */
export interface Sample {
  readonly time: number;
  readonly value: number;
}

/** How fast something grows, with 95 % confidence on each side. */
export interface Growth {
  readonly samples: number;
  readonly mean: number;
  /** As many independent measurements would have said as much. */
  readonly effective: number;
  /** Least-squares slope, per day. */
  readonly perDay: number;
  /** It grows at least so fast, per day. */
  readonly atLeastPerDay: number;
  /** It grows at most so fast, per day. */
  readonly atMostPerDay: number;
}

/** The same, and how much that was while it was measured. */
export interface Trend extends Growth {
  /** How much the line grew while it was measured, as a part of the mean. */
  readonly part: number;
  /** It grew at least so much while it was measured, as a part of the mean. */
  readonly atLeastPart: number;
}

const DAY = 86_400;
/** Quantile 0.95 of the normal distribution. */
const Z = 1.6449;

/**
 * Fits a line through measurements that follow each other, and says how sure its slope is.
 *
 * @remarks
 * Least squares, with the standard error of the slope from n(1 - r)/(1 + r) measurements in the place of n, r being the
 * correlation of a residual with the next: Santer et al., Statistical significance of trends and trend differences in
 * layer-average atmospheric temperature time series, J. Geophys. Res. 105 (2000), equations 3 to 6. Estimated from residuals
 * of a line that correlation is (2 + 4r)/n too small: van Giersbergen, On the effect of deterministic terms on the bias in
 * stable AR models, Economics Letters 89 (2005). The bounds are one-sided: Student's t with that many less two degrees of
 * freedom (Abramowitz and Stegun 26.7.5); NaN where so few measurements remain that there are none.
 */
export function trend(samples: readonly Sample[]): Trend {
  const n = samples.length;
  const meanTime = sum(samples, ({ time }) => time) / n;
  const mean = sum(samples, ({ value }) => value) / n;
  const spread = sum(samples, ({ time }) => (time - meanTime) ** 2);
  const unknown = { effective: 0, perDay: NaN, atLeastPerDay: NaN, atMostPerDay: NaN, atLeastPart: NaN };
  if (n < 5 || spread === 0) return { samples: n, mean, ...unknown, part: NaN };
  const slope = sum(samples, ({ time, value }) => (time - meanTime) * (value - mean)) / spread;
  const residuals = samples.map(({ time, value }) => value - mean - slope * (time - meanTime));
  const squares = sum(residuals, (e) => e * e);
  const lagged = sum(residuals.slice(1), (e, i) => e * residuals[i]!);
  const r = squares === 0 ? 0 : Math.max(0, ((n * lagged) / squares + 2) / (n - 4));
  const effective = (n * (1 - r)) / (1 + r);
  const perDay = slope * DAY;
  const days = (samples.at(-1)!.time - samples[0]!.time) / DAY;
  const partOf = (growth: number): number => (mean === 0 ? 0 : (growth * days) / mean);
  const found = { samples: n, mean, effective, perDay, part: partOf(perDay) };
  const bounded = (margin: number): Trend => ({
    ...{ ...found, atLeastPerDay: perDay - margin, atMostPerDay: perDay + margin },
    atLeastPart: partOf(perDay - margin),
  });
  // A line that is one needs no statistics, and hardly any measurements allow none.
  if (squares <= 1e-12 * Math.max(1, mean * mean)) return bounded(0);
  if (effective <= 3) return { ...unknown, ...found };
  return bounded(student(effective - 2) * Math.sqrt(squares / (effective - 2) / spread) * DAY);
}

/**
 * What several runs say together: the mean of their slopes, each with a weight of one over the square of how unsure it is.
 *
 * @remarks
 * W. G. Cochran, Problems arising in the analysis of a series of similar experiments, Supplement to the Journal of the Royal
 * Statistical Society 4 (1937). Runs that say nothing count nothing.
 */
export function together(runs: readonly Growth[]): Growth {
  const said = runs.filter(({ atMostPerDay }) => !Number.isNaN(atMostPerDay));
  if (said.length < 2) return said[0] ?? runs[0]!;
  // A line that is one is sure, but not so sure that others are nothing.
  const weights = said.map(({ perDay, atMostPerDay }) => Math.max(atMostPerDay - perDay, 1e-6) ** -2);
  const weight = sum(weights, (each) => each);
  const perDay = sum(said, (run, i) => run.perDay * weights[i]!) / weight;
  const margin = 1 / Math.sqrt(weight);
  const samples = sum(said, (run) => run.samples);
  return {
    samples,
    mean: sum(said, (run) => run.mean * run.samples) / samples,
    effective: sum(said, ({ effective }) => effective),
    ...{ perDay, atLeastPerDay: perDay - margin, atMostPerDay: perDay + margin },
  };
}

/** Quantile 0.95 of Student's t. */
function student(degrees: number): number {
  const first = (Z ** 3 + Z) / 4;
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  const third = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384;
  return Z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}

function sum<T>(items: readonly T[], of: (item: T, i: number) => number): number {
  return items.reduce((total, item, i) => total + of(item, i), 0);
}
