/**
 * What numbers add up to, quantiles aside.
 *
 * @remarks
 * The sum is compensated (Neumaier, see `Sum`). Squared deviations are from `center`, and joined by the formula for
 * pairs of Chan, Golub and LeVeque ("Algorithms for Computing the Sample Variance", The American Statistician 37, 1983).
 * Infinities count, and are in no sum: they are put back when somebody asks.
 */
export class Tally {
  /** Points, whether they count or not. */
  records = 0;
  count = 0;
  nan = 0;
  /** How many are -Infinity, and Infinity. */
  lows = 0;
  highs = 0;
  sum = 0;
  lost = 0;
  min = Infinity;
  max = -Infinity;
  center = 0;
  squares = 0;
  firstTime = Infinity;
  first = NaN;
  lastTime = -Infinity;
  last = NaN;

  /** Adds a point: what counts of it, NaN where nothing does, and its value as it was stored. */
  add(time: number, value: number, stored: number): void {
    this.records += 1;
    if (!Number.isNaN(stored)) {
      if (time < this.firstTime) [this.firstTime, this.first] = [time, stored];
      if (time >= this.lastTime) [this.lastTime, this.last] = [time, stored];
    } else if (Number.isNaN(value)) {
      this.nan += 1;
    }
    if (Number.isNaN(value)) return;
    this.count += 1;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    if (value === Infinity) this.highs += 1;
    else if (value === -Infinity) this.lows += 1;
    else {
      // B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products" (Technometrics 4, 1962).
      const before = value - this.center;
      this.center += before / this.finite;
      this.squares += before * (value - this.center);
      this.addToSum(value);
    }
  }

  /** Adds what another tally has. */
  merge(other: Tally): void {
    const finite = this.finite;
    this.records += other.records;
    this.count += other.count;
    this.nan += other.nan;
    this.lows += other.lows;
    this.highs += other.highs;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
    if (other.firstTime < this.firstTime) [this.firstTime, this.first] = [other.firstTime, other.first];
    if (other.lastTime >= this.lastTime && other.lastTime > -Infinity) {
      [this.lastTime, this.last] = [other.lastTime, other.last];
    }
    if (other.finite === 0) return;
    const apart = other.center - this.center;
    const part = other.finite / this.finite;
    this.center = finite === 0 ? other.center : this.center + apart * part;
    this.squares += other.squares + (finite === 0 ? 0 : apart * apart * finite * part);
    this.addToSum(other.sum);
    this.addToSum(other.lost);
  }

  /** Adds one term to the sum and nothing else. */
  addToSum(term: number): void {
    const sum = this.sum + term;
    this.lost += Math.abs(this.sum) >= Math.abs(term) ? this.sum - sum + term : term - sum + this.sum;
    this.sum = sum;
  }

  /** How many of the values are finite. */
  get finite(): number {
    return this.count - this.lows - this.highs;
  }

  /** The sum of all values, infinities included. */
  get total(): number {
    if (this.highs > 0) return this.lows > 0 ? NaN : Infinity;
    if (this.lows > 0) return -Infinity;
    return Number.isFinite(this.sum) ? this.sum + this.lost : this.sum;
  }

  /** The mean, which never leaves the range of the values; null of nothing. */
  get mean(): number | null {
    if (this.count === 0) return null;
    const mean = this.total / this.count;
    if (this.lows > 0 || this.highs > 0) return mean;
    return Math.min(Math.max(Number.isFinite(mean) ? mean : this.center, this.min), this.max);
  }

  /** The standard deviation of the population; null of nothing, NaN beside an infinity. */
  get stddev(): number | null {
    if (this.count === 0) return null;
    if (this.lows > 0 || this.highs > 0) return NaN;
    return this.min === this.max ? 0 : Math.sqrt(Math.max(this.squares, 0) / this.count);
  }
}
