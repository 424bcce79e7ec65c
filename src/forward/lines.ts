import { formatNumber } from '../json.js';
import type { Numbers } from '../otel/cumulative-total.js';
import { formatEnd, formatHead, formatHistogram, formatSeries, formatStart, START_TEXT } from '../record.js';
import { TimestampFormatter } from '../timestamp.js';
import type { Point } from './point.js';

/** Stands for the agent of what is of no single one; that there is none is said beside the line. */
export const NO_AGENT = '-';

/** What stands in a line around the numbers: the same for all points of a series. */
interface Frame {
  readonly head: string;
  readonly series: string;
  readonly end: string;
}

/** What a frame is made of. */
type Identity = Omit<Point, 'time' | 'value'>;

/** Formats points and series as the lines of records, however long, remembering what is the same for all of a series. */
export class LineFormatter {
  readonly #timestamps = new TimestampFormatter();
  readonly #starts = new TimestampFormatter();
  readonly #frames = new WeakMap<object, Frame>();

  /**
   * Formats one line, without its newline.
   *
   * @param owner - What the identity belongs to for good.
   */
  line(
    owner: object,
    identity: Identity,
    numbers: Numbers,
    time: number,
    { start, temporality }: { start?: number | undefined; temporality?: 'cumulative' | undefined } = {},
  ): string {
    let frame = this.#frames.get(owner);
    if (frame === undefined) {
      frame = frameOf(identity);
      this.#frames.set(owner, frame);
    }
    const histogram = numbers.count === undefined ? '' : formatHistogram(numbers);
    return (
      START_TEXT +
      this.#timestamps.format(time) +
      frame.head +
      formatNumber(numbers.value) +
      frame.series +
      (temporality === undefined ? '' : ',"temporality":"cumulative"') +
      (start === undefined ? '' : formatStart(this.#starts.format(start))) +
      histogram +
      frame.end
    );
  }
}

function frameOf({ agent, metric, unit, type, attributes, scope }: Identity): Frame {
  return {
    head: formatHead(agent ?? NO_AGENT, metric),
    series: formatSeries(unit, type, attributes),
    end: formatEnd(scope, undefined),
  };
}
