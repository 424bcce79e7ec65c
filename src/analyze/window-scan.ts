import { NumberSeries } from './window-numbers.js';
import type { NumberPart } from './window-part.js';
import { type PointsViewer, STRIDE } from './window-points.js';
import { Series, type View } from './window-series.js';
import { Tally } from './window-tally.js';
import type { AnySeries } from './window-tree.js';

/** Up to so many points in a view are looked at one by one. */
const MOST_POINTS = 128;

/**
 * The few points of one group in a view, looked at anew each time. Where many groups are measured that is several times
 * faster than moving on what each of them added up: it takes longest to fetch what they keep from memory.
 */
export class Scan implements NumberPart, PointsViewer {
  readonly tally = new Tally();
  readonly percentiles = undefined;
  readonly sorted = undefined;
  readonly buckets = undefined;
  readonly #values = new Float64Array(MOST_POINTS);
  #size = 0;
  #records = 0;

  /** Nobody asks for them but of up-down counters. */
  get labels(): never {
    throw new Error('points that were looked at have no labels');
  }

  /** Looks at the series of a group; false where it has too many points, or keeps none. */
  take(series: AnySeries | readonly AnySeries[], view: View): boolean {
    this.tally.clear();
    this.#size = 0;
    this.#records = 0;
    if (series instanceof NumberSeries) return series.show(view, this);
    return (
      !(series instanceof Series) &&
      series.every((one) => one instanceof NumberSeries && one.show(view, this))
    );
  }

  get room(): number {
    return MOST_POINTS - this.#records;
  }

  see(cells: Float64Array, stored: Float64Array | undefined, from: number, to: number): void {
    this.#records += to - from;
    this.tally.addPoints(cells, stored, from, to);
    for (let cell = from * STRIDE; cell < to * STRIDE; cell += STRIDE) {
      const value = cells[cell + 1]!;
      if (!Number.isNaN(value)) this.#values[this.#size++] = value;
    }
  }

  values(into: Float64Array, from: number): number {
    for (let i = 0; i < this.#size; i += 1) into[from + i] = this.#values[i]!;
    return from + this.#size;
  }
}
