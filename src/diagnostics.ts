import type { MetricsError } from './errors.js';

/**
 * Receives what went wrong in the background.
 *
 * @public
 */
export type ErrorListener = (error: MetricsError) => void;

/**
 * Tells a listener of each kind of trouble once, and never lets it harm anybody.
 *
 * @remarks
 * A full disk would otherwise mean one report a record. Counts go on; see `stats()`.
 */
export class Reporter {
  readonly #listener: ErrorListener | undefined;
  readonly #told = new Set<string>();

  constructor(listener: ErrorListener | undefined) {
    this.#listener = listener;
  }

  /**
   * Reports trouble of one kind, the first time it is seen.
   *
   * @param kind - What makes it the same trouble.
   * @param error - Makes the error; called the first time only.
   */
  report(kind: string, error: () => MetricsError): void {
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    try {
      const told: unknown = this.#listener?.(error());
      // An async one that throws would end the process.
      Promise.resolve(told).catch(() => undefined);
    } catch {
      // A listener that throws would throw into the agent's own code.
    }
  }
}
