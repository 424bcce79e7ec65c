import { MetricsError } from '../errors.js';
import { shown } from '../options.js';

/**
 * Computes a quantile of sorted values, exactly, with linear interpolation between the two values beside it.
 *
 * @remarks
 * Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (The American Statistician 50, 1996),
 * the default of numpy, R, Julia and spreadsheets: with h = (n - 1) q, the value lies between the items at floor(h)
 * and floor(h) + 1, at the fraction of h. Finite values give the same double as numpy does.
 *
 * @param sorted - Values in rising order, without NaN; infinities are values like others.
 * @param q - 0 (the smallest value) to 1 (the largest).
 * @returns The quantile; NaN where there are no values.
 * @throws MetricsError `ERR_METRICS_OPTION` where `q` is not between 0 and 1.
 *
 * @public
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  checkQuantile('q', q);
  return quantileOfFirst(sorted.length, sorted, q);
}

/** The {@link quantile} of the first so many of an array, which are sorted. */
export function quantileOfFirst(count: number, sorted: ArrayLike<number>, q: number): number {
  if (count === 0) return NaN;
  const h = (count - 1) * q;
  const index = Math.floor(h);
  const lower = sorted[index]!;
  return interpolate(lower, index + 1 < count ? sorted[index + 1]! : lower, h - index);
}

/** The ranks of the two numbers between which a quantile is, by the same definition. */
export function ranksOf(count: number, q: number): [lower: number, upper: number] {
  const h = (count - 1) * q;
  return [Math.floor(h), Math.ceil(h)];
}

/** The quantile between them. */
export function between(count: number, q: number, lower: number, upper: number): number {
  const h = (count - 1) * q;
  return interpolate(lower, upper, h - Math.floor(h));
}

/**
 * Refuses what is no quantile.
 *
 * @throws MetricsError `ERR_METRICS_OPTION`
 */
export function checkQuantile(name: string, q: unknown): void {
  if (typeof q === 'number' && q >= 0 && q <= 1) return;
  throw new MetricsError('ERR_METRICS_OPTION', `${name} must be a number from 0 to 1, got ${shown(q)}`);
}

/**
 * The value at a fraction of the way between two, lower first.
 *
 * @remarks
 * As numpy's `_lerp`, which starts from the nearer end, so that the result never falls as the fraction rises. Beside
 * an infinity every inner point is that infinity, and between both it is the nearer one: never NaN.
 */
export function interpolate(lower: number, upper: number, fraction: number): number {
  // Also keeps `Infinity - Infinity` and `0 * Infinity` away.
  if (fraction === 0 || lower === upper) return lower;
  if (fraction === 1) return upper;
  const width = upper - lower;
  if (Number.isFinite(width)) {
    return fraction < 0.5 ? lower + width * fraction : upper - width * (1 - fraction);
  }
  // Two finite ends too far apart for their distance to be a double.
  if (Number.isFinite(lower) && Number.isFinite(upper)) return lower * (1 - fraction) + upper * fraction;
  if (Number.isFinite(upper)) return lower;
  return Number.isFinite(lower) || fraction >= 0.5 ? upper : lower;
}
