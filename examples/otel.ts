// Ordinary OpenTelemetry meters. The last values are stored when the process ends, however it does.
import { metrics } from '@opentelemetry/api';
import { startMetrics } from 'cfn-metrics/otel';

startMetrics({ agent: process.env['CFN_AGENT_ID'] ?? 42 });

const meter = metrics.getMeter('example');
const tasks = meter.createCounter('tasks', { unit: '{task}' });
const duration = meter.createHistogram('task_duration_ms', { unit: 'ms' });
meter.createObservableGauge('memory_usage_mb', { unit: 'MB' }).addCallback((result) => {
  result.observe(process.memoryUsage.rss() / 1024 / 1024);
});

for (let task = 0; task < 20; task += 1) {
  const start = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
  duration.record(performance.now() - start, { phase: task % 2 === 0 ? 'plan' : 'act' });
  tasks.add(1);
}
console.log('measured 20 tasks; see: npx cfn-metrics analyze --since 1m');
