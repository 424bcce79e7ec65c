// An agent as anybody would write it: ordinary OpenTelemetry meters, and one line that starts them.
// At its end it says what it measured, so that the fleet can compare it with what arrived.
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics } from '@opentelemetry/api';
import { startMetrics } from 'cfn-metrics/otel';

const [agent = '0', until = '0'] = process.argv.slice(2);

startMetrics({ agent, intervalMs: 1000 });

const meter = metrics.getMeter('fleet');
const tasks = meter.createHistogram('task_duration_ms', { unit: 'ms' });
const messages = meter.createCounter('messages_sent', { unit: '{message}' });
meter.createObservableGauge('memory_usage_mb', { unit: 'MB' }).addCallback((result) => {
  result.observe(process.memoryUsage.rss() / 1e6);
});

let measured = 0;
let sent = 0;
const micros: number[] = [];
while (Date.now() < Number(until)) {
  const started = performance.now();
  await sleep(20 + Math.random() * 80);
  const burst = 1 + Math.floor(Math.random() * 3);

  const before = performance.now();
  tasks.record(performance.now() - started, { phase: burst > 2 ? 'plan' : 'act' });
  messages.add(burst);
  micros.push(((performance.now() - before) * 1000) / 2);

  measured += 1;
  sent += burst;
}
process.send?.({ task_duration_ms: measured, messages_sent: sent, micros });
if (process.connected) process.disconnect();
