import { Sum } from './sums.js';

/**
 * Count, sum, extremes, mean and standard deviation of numbers that come in pieces.
 *
 * @remarks
 * The sum of squared deviations of each piece is computed in two passes with the correction of Chan, Golub and LeVeque
 * ("Algorithms for Computing the Sample Variance", The American Statistician 37, 1983), and those of pieces are joined
 * by their formula for pairs: nothing is lost where the mean is large and the deviations small.
 */
export class Spread {
  count = 0;
  min = Infinity;
  max = -Infinity;
  readonly #sum = new Sum();
  /** Mean of all, as good as pieces need it; {@link Spread.mean} is better. */
  #center = 0;
  /** Sum of squared deviations from it, in units of `#unit` squared. */
  #squares = 0;
  /** A power of two, where squares of plain deviations would not be doubles. */
  #unit = 1;

  /**
   * Adds a piece.
   *
   * @param values - Where it stands; it holds no NaN.
   * @param from - Its first place.
   * @param to - The place behind its last.
   */
  add(values: Float64Array, from: number, to: number): void {
    if (from >= to) return;
    let { min, max } = this;
    let plain = 0;
    const sum = this.#sum;
    for (let i = from; i < to; i += 1) {
      const value = values[i]!;
      if (value < min) min = value;
      if (value > max) max = value;
      plain += value;
      sum.add(value);
    }
    this.min = min;
    this.max = max;
    this.#rescale();
    const count = to - from;
    this.#join(values, from, to, Number.isFinite(plain) ? plain / count : meanByParts(values, from, to));
  }

  /** The sum. */
  get sum(): number {
    return this.#sum.total;
  }

  /** The mean, or null of nothing. It never leaves the range of the numbers, even where their sum is no double. */
  get mean(): number | null {
    if (this.count === 0) return null;
    const mean = this.sum / this.count;
    if (Number.isNaN(mean) || !Number.isFinite(this.min) || !Number.isFinite(this.max)) return mean;
    return Math.min(Math.max(Number.isFinite(mean) ? mean : this.#center, this.min), this.max);
  }

  /** The standard deviation of the population; null of nothing, NaN beside an infinity. */
  get stddev(): number | null {
    if (this.count === 0) return null;
    return Math.sqrt(this.#squares / this.count) * this.#unit;
  }

  #join(values: Float64Array, from: number, to: number, center: number): void {
    const unit = this.#unit;
    const count = to - from;
    // A power of two, and so exact; multiplying takes half as long as dividing.
    const scale = 1 / unit;
    const inUnits = center / unit;
    let squares = 0;
    let rest = 0;
    for (let i = from; i < to; i += 1) {
      const deviation = values[i]! * scale - inUnits;
      squares += deviation * deviation;
      rest += deviation;
    }
    squares -= (rest * rest) / count;
    const total = this.count + count;
    const apart = inUnits - this.#center / unit;
    if (this.count > 0) squares += apart * apart * ((this.count / total) * count);
    // As two parts of a whole, since the distance of two centers may be no double.
    this.#center = this.count === 0 ? center : this.#center * (this.count / total) + center * (count / total);
    this.#squares += squares;
    this.count = total;
  }

  /** Chooses a unit in which squares are doubles: neither more than the largest nor less than the smallest. */
  #rescale(): void {
    const range = this.max / 2 - this.min / 2;
    const plain = !Number.isFinite(range) || range === 0 || (range > 1e-100 && range < 1e100);
    const unit = plain ? 1 : 2 ** Math.min(Math.max(Math.ceil(Math.log2(range)), -1000), 1000);
    if (unit === this.#unit) return;
    // Of nothing there is nothing to convert, and the factor may be no double.
    if (this.#squares > 0) this.#squares *= (this.#unit / unit) ** 2;
    this.#unit = unit;
  }
}

/** The mean where the sum is no double. */
function meanByParts(values: Float64Array, from: number, to: number): number {
  let mean = 0;
  for (let i = from; i < to; i += 1) mean += values[i]! / (to - from);
  return mean;
}
