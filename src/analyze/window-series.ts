import type { RecordType } from '../record.js';
import type { Rows } from './window-rows.js';

/** What a series is called. */
export interface Labels {
  readonly metric: string;
  readonly type: RecordType;
  readonly unit: string | undefined;
  /** One for each key that the window keeps. */
  readonly values: readonly (string | undefined)[];
  /** Whether it holds what came of series beyond the limit. */
  readonly overflow: boolean;
  /** Whose level it is, where it is a cumulative up-down counter. */
  readonly writer: string | undefined;
}

/** A place for one length of window, in which each series keeps what it added up. */
export interface View {
  readonly slot: number;
  /** Where that is, by the position of the series. */
  readonly rows: Rows;
  readonly since: number;
  readonly until: number;
}

let changes = 0;

/** A number above all that it gave before, for what has changed. */
export function nextChange(): number {
  changes += 1;
  return changes;
}

/** What all series have in common. */
export abstract class Series {
  readonly labels: Labels;
  /** Unix milliseconds of the latest point. */
  latest = -Infinity;
  /** Which row of each view is its own. */
  position: number;

  constructor(labels: Labels, position: number) {
    this.labels = labels;
    this.position = position;
  }

  /** Takes other rows. */
  moveTo(position: number): void {
    this.position = position;
  }

  /**
   * Moves a view.
   *
   * @returns A number that rises when what is in the view changes: the same number means the same content.
   */
  abstract advance(view: View): number;

  /** For {@link fetchAhead}: what a view is moved with, where that is known. */
  abstract read(view: View): number;

  /** Forgets what is older than a time. */
  abstract dropBefore(time: number): void;

  /** Forgets what is not older than a time. */
  abstract dropFrom(time: number): void;
}
