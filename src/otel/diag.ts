/** Where every copy of the OpenTelemetry API, of its one major version, keeps what is global to the process. */
const API = Symbol.for('opentelemetry.js.api.1');

interface DiagLogger {
  warn(message: string): void;
}

/**
 * Tells OpenTelemetry's diagnostics logger, if the application has set one.
 *
 * @remarks
 * Through the global itself and not through `diag` of `@opentelemetry/api`: the exporter imports types only, and so
 * has nothing to do with which copies of the API there are.
 */
export function diagWarn(message: string): void {
  const { diag } = ((globalThis as Record<symbol, unknown>)[API] ?? {}) as { diag?: DiagLogger };
  try {
    diag?.warn(`cfn-metrics: ${message}`);
  } catch {
    // the application's own logger; what goes wrong with it, such as a stderr that is full, must not end the application
  }
}
