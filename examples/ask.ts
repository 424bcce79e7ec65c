// Exact statistics of the last minute, by metric and agent.
import { createEmitter, readRecords } from 'cfn-metrics';
import { analyze } from 'cfn-metrics/analyze';

for (const agent of [1, 2]) {
  const emitter = createEmitter({ agent });
  for (let i = 1; i <= 100; i += 1) emitter.emit('task_duration_ms', i * agent, { unit: 'ms' });
  await emitter.close();
}

const records = readRecords({ since: Date.now() - 60_000 });
const { groups, dropped } = analyze(records, { metrics: ['task_*'], groupBy: ['agent'] });

for (const { metric, agent, count, avg, p50, p99 } of groups) {
  console.log(`${metric} of ${agent}: ${count} values, avg ${avg}, p50 ${p50}, p99 ${p99}`);
}
const { files, torn, foreign } = records.counts;
console.log(
  `read from ${files} files; ${torn} torn and ${foreign} foreign lines skipped, ${dropped} records dropped`,
);
