// node --import cfn-metrics/register agent.js: metrics without a line of code. Exports nothing.
import { createRequire } from 'node:module';
import type * as otel from './index.js';

// Required, and not imported: an agent must start also where OpenTelemetry is not installed, and a CommonJS module
// cannot await. All state is the API's, which is global, so it does not matter which copy this is.
try {
  const { startMetrics } = createRequire(import.meta.url)('cfn-metrics/otel') as typeof otel;
  startMetrics({ onError: (error) => warn(error.message) });
} catch (error) {
  const [problem] = (error as Error).message.split('\n');
  warn(`metrics are off: ${problem ?? ''}`);
}

function warn(message: string): void {
  process.stderr.write(`cfn-metrics: ${message}\n`);
}
