// node --import cfn-metrics/register agent.js: metrics without a line of code. Exports nothing.
// eslint-disable-next-line no-restricted-imports -- opens no file
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as otel from './index.js';

const STDERR = 2;

// Required, and not imported: an agent must start also where OpenTelemetry is not installed, and a CommonJS module
// cannot await. All state is the API's, which is global, so it does not matter which copy this is.
try {
  const { startMetrics } = createRequire(import.meta.url)('cfn-metrics/otel') as typeof otel;
  startMetrics({ onError: (error) => warn(error.message) });
} catch (error) {
  const [problem] = (error as Error).message.split('\n');
  warn(`metrics are off: ${problem ?? ''}`);
}

/** Past `process.stderr`, which ends the process where it cannot be written: nobody reads it, or its disk is full. */
function warn(message: string): void {
  try {
    writeSync(STDERR, `cfn-metrics: ${message}\n`);
  } catch {
    // there is nobody left to tell
  }
}
