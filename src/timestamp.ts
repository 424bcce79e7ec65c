/**
 * Formats times, most of them close together, as ISO 8601 in UTC with milliseconds.
 *
 * @remarks
 * A Date formats in about 0.3 µs, which would be a tenth of an append. Within one second only three digits change.
 */
export class TimestampFormatter {
  #second = NaN;
  #prefix = '';
  #time = NaN;
  #text = '';

  /**
   * Formats one time.
   *
   * @param time - Unix milliseconds, a whole number between the years 0 and 9999.
   */
  format(time: number): string {
    if (time === this.#time) return this.#text;
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      this.#prefix = new Date(second * 1000).toISOString().slice(0, 20);
      this.#second = second;
    }
    const millis = time - second * 1000;
    this.#text = `${this.#prefix}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
    this.#time = time;
    return this.#text;
  }
}
