const REFRESH_MS = 100;
const CLEAR_LINE = '\r\x1b[K';

/** One line on a terminal that tells what is going on, gone at the end; elsewhere nothing. On stderr. */
export class StatusLine {
  readonly #enabled = process.stderr.isTTY && process.env['TERM'] !== 'dumb';
  #next = 0;
  #shown = false;

  /** Shows a text, if it is time to. */
  show(text: () => string): void {
    if (!this.#enabled || performance.now() < this.#next) return;
    this.#next = performance.now() + REFRESH_MS;
    this.#shown = true;
    process.stderr.write(`${CLEAR_LINE}${text()}`);
  }

  /** Removes what was shown. */
  end(): void {
    if (this.#shown) process.stderr.write(CLEAR_LINE);
    this.#shown = false;
  }
}
