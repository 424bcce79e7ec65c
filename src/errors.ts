/**
 * Every code a {@link MetricsError} can carry. They are stable: match on `code`, never on the message.
 *
 * @public
 */
export const ERROR_CODES = [
  'ERR_METRICS_OPTION',
  'ERR_METRICS_RECORD',
  'ERR_METRICS_DIRECTORY',
  'ERR_METRICS_STORE',
  'ERR_METRICS_CLOSED',
  'ERR_METRICS_REGISTERED',
] as const;

/**
 * One of {@link ERROR_CODES}.
 *
 * @public
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Registered, so that the ESM and the CommonJS copy of this package recognise each other's errors. */
const BRAND = Symbol.for('cfn-metrics.error');

/**
 * The one error class of this package.
 *
 * @remarks
 * `instanceof` holds across the ESM and the CommonJS copy of the package. What went wrong underneath, such as a
 * system error, is kept as `cause`.
 *
 * @public
 */
export class MetricsError extends Error {
  /** Says what kind of error this is; see the error table in `docs/errors.md`. */
  readonly code: ErrorCode;

  /**
   * Makes an error of one kind.
   *
   * @param code - The kind.
   * @param message - One line that names what was wrong and the value it had.
   * @param options - `cause`: the error underneath.
   */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MetricsError';
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /**
   * Recognises a metrics error, also one made by another copy of this package.
   *
   * @param value - Anything.
   * @returns Whether it is a metrics error.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value;
  }
}
