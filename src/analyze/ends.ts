/** The earliest and the latest value of a group. */
export class Ends {
  #firstTime = Infinity;
  #lastTime = -Infinity;
  #first: number | null = null;
  #last: number | null = null;

  /** Takes the next value and its time, unless it is NaN. Of several at one time the first is the earliest, the last the latest. */
  add(time: number, value: number): void {
    if (Number.isNaN(value)) return;
    if (time >= this.#lastTime) {
      this.#lastTime = time;
      this.#last = value;
    }
    if (time < this.#firstTime) {
      this.#firstTime = time;
      this.#first = value;
    }
  }

  /** The earliest. */
  get first(): number | null {
    return this.#first;
  }

  /** The latest. */
  get last(): number | null {
    return this.#last;
  }

  /** How far the value moved from one to the other. */
  get delta(): number | null {
    return this.#first === null || this.#last === null ? null : this.#last - this.#first;
  }
}
