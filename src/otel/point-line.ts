import type { RecordType } from '../record.js';
import type { Line } from '../store/backlog.js';

/** A line, and what makes its series, which is put together only where the line has to wait. */
export class PointLine implements Line {
  constructor(
    readonly text: string,
    private readonly head: string,
    private readonly series: string,
    private readonly start: string,
    private readonly shape: Shape,
  ) {}

  /** A newer value of a gauge says all, and so does a newer cumulative point with the same start. */
  get gauge(): string | undefined {
    const { type, temporality, end } = this.shape;
    return type === 'gauge' || temporality !== '' ? this.head + this.series + this.start + end : undefined;
  }
}

/** What the lines of one metric have in common. */
export interface Shape {
  readonly name: string;
  readonly type: RecordType;
  /** Of the target's own agent. */
  readonly head: string;
  /** Unit and type. */
  readonly series: string;
  readonly temporality: string;
  /** Scope and writer. */
  readonly end: string;
}
