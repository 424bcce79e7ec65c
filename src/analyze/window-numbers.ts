import { Buckets } from './window-buckets.js';
import type { NumberPart } from './window-part.js';
import { Points, type PointsViewer } from './window-points.js';
import { Running } from './window-running.js';
import { Seconds } from './window-seconds.js';
import { Series, type View } from './window-series.js';
import { Tally } from './window-tally.js';

/** A series with more points than this keeps no values, but counts of them, for each second. */
const MOST_POINTS = 32_768;
/** What the narrow buckets of a second can count to. */
const MOST_NARROW = 65_535;

/** What the values of one second of a busy series add up to. */
class NumberCell {
  readonly tally = new Tally();
  buckets = new Buckets(false);
  #wide = false;

  add(time: number, value: number, stored: number): void {
    this.tally.add(time, value, stored);
    if (Number.isNaN(value)) return;
    if (!this.#wide && this.tally.count > MOST_NARROW) this.#widen();
    if (this.buckets.add(value, 1)) return;
    this.#widen();
    this.buckets.add(value, 1);
  }

  #widen(): void {
    const wide = new Buckets(true);
    wide.merge(this.buckets);
    this.buckets = wide;
    this.#wide = true;
  }
}

/** The points of a gauge, counter or up-down counter: each of them, or by second where there are many. */
export class NumberSeries extends Series {
  #points: Points | undefined = new Points();
  readonly #runnings: (Running | undefined)[] = [];
  readonly #seconds = new Seconds<NumberCell>();

  /**
   * Adds a point.
   *
   * @param time - Unix milliseconds.
   * @param value - What counts; NaN where nothing does.
   * @param stored - The value as it was stored.
   * @param keep - Unix milliseconds of the oldest point that is still wanted.
   */
  add(time: number, value: number, stored: number, keep: number): void {
    if (time > this.latest) this.latest = time;
    const points = this.#points;
    if (points === undefined) {
      this.#seconds.cell(time, () => new NumberCell()).add(time, value, stored);
      return;
    }
    const sequence = points.insert(time, value, stored, keep);
    const between = sequence + 1 < points.end;
    for (const running of this.#runnings) {
      if (between) running?.inserted(sequence);
      running?.added(time);
    }
    if (points.end - points.first > MOST_POINTS) this.#fold(points, keep);
  }

  advance(view: View): number {
    const points = this.#points;
    if (points === undefined) return this.#seconds.advance(view);
    return this.#running(points, view).advance(view.since, view.until);
  }

  /** Moves a view that somebody will be shown at any moment: now its numbers are in the processor's caches. */
  keepUp(view: View): void {
    this.#runnings[view.slot]?.keepUp(view.since, view.until);
  }

  dropBefore(time: number): void {
    this.#points?.shrink(time);
    this.#seconds.dropBefore(time);
    if (this.#seconds.size === 0) this.#points ??= new Points();
  }

  dropFrom(time: number): void {
    this.#points?.dropFrom(time);
    this.#seconds.dropFrom(time);
    for (const running of this.#runnings) running?.reset();
    this.latest = Math.min(this.latest, time);
  }

  /** For {@link fetchAhead}: the last points. */
  readPoints(): number {
    return this.#points?.read() ?? 0;
  }

  read({ slot }: View): number {
    return this.#runnings[slot]?.read() ?? 0;
  }

  /** Shows the points in a view to somebody; false where they are too many, or not kept. */
  show(view: View, viewer: PointsViewer): boolean {
    return this.#points?.show(view.since, view.until, viewer) ?? false;
  }

  /** What is in a view, as of the last time it moved. */
  part(view: View): NumberPart {
    const points = this.#points;
    if (points === undefined) return this.#partOfSeconds(view);
    return this.#running(points, view);
  }

  override moveTo(position: number): void {
    super.moveTo(position);
    for (const running of this.#runnings) running?.moveTo(position);
  }

  #running(points: Points, { slot, rows }: View): Running {
    const known = this.#runnings[slot];
    if (known !== undefined) return known;
    const running = new Running(this.labels, points, rows, this.position, Math.floor(this.latest));
    this.#runnings[slot] = running;
    return running;
  }

  #partOfSeconds({ since, until }: View): NumberPart {
    const tally = new Tally();
    const buckets = new Buckets(true);
    for (const { cell } of this.#seconds.range(since, until)) {
      tally.merge(cell.tally);
      buckets.merge(cell.buckets);
    }
    return {
      labels: this.labels,
      tally,
      percentiles: undefined,
      sorted: undefined,
      buckets,
      values: (_, from) => from,
    };
  }

  #fold(points: Points, keep: number): void {
    for (let at = points.search(keep); at < points.end; at += 1) {
      const time = points.timeAt(at);
      const cell = this.#seconds.cell(time, () => new NumberCell());
      cell.add(time, points.valueAt(at), points.storedAt(at));
    }
    this.#points = undefined;
    for (const running of this.#runnings) running?.reset();
    this.#runnings.length = 0;
  }
}
