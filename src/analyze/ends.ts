import type { MetricRecord } from '../record.js';

/** The earliest and the latest record of a group. */
export class Ends {
  #first: MetricRecord | undefined;
  #last: MetricRecord | undefined;

  /** Takes the next record, unless its value is NaN. */
  add(record: MetricRecord): void {
    const { time, value } = record;
    const last = this.#last;
    if (last !== undefined && time >= last.time && !Number.isNaN(value)) this.#last = record;
    else this.#addOutOfOrder(record);
  }

  /** The value of the earliest. */
  get first(): number | null {
    return this.#first?.value ?? null;
  }

  /** The value of the latest. */
  get last(): number | null {
    return this.#last?.value ?? null;
  }

  /** How far the value moved from one to the other. */
  get delta(): number | null {
    return this.#first === undefined || this.#last === undefined
      ? null
      : this.#last.value - this.#first.value;
  }

  #addOutOfOrder(record: MetricRecord): void {
    if (Number.isNaN(record.value)) return;
    if (this.#first === undefined || record.time < this.#first.time) this.#first = record;
    if (this.#last === undefined || record.time >= this.#last.time) this.#last = record;
  }
}
