/**
 * How an alerter is.
 *
 * @public
 */
export interface AlerterStatus {
  /** When rules were evaluated last, in Unix milliseconds; null where they never were. */
  readonly evaluatedAt: number | null;
  /** How much later than it was due the last evaluation began, in milliseconds. */
  readonly lagMs: number;
  /** How long it took to evaluate all rules, without reading and keeping, in milliseconds. */
  readonly evaluationMs: number;
  /** Alerts that fire. */
  readonly firing: number;
  /** Messages that wait, for a channel that fails or for the cap. */
  readonly waiting: number;
  /** For how long a channel has not accepted what it was sent, in milliseconds; the longest of all channels. */
  readonly waitingMs: number;
  /** Counts since the start. */
  readonly counts: {
    /** Lines in the shards that were damaged meanwhile. */
    readonly tornLines: number;
    /** Messages that channels accepted. */
    readonly sent: number;
    /** Attempts that failed and are repeated. */
    readonly failed: number;
    /** Messages that channels will never accept. */
    readonly refused: number;
    /** Alerts that had no room among those that are remembered. */
    readonly overflow: number;
  };
}
