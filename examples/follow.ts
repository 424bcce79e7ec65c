// Follows all agents of the host, and goes on after a restart where it ended.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmitter, followRecords } from 'cfn-metrics';

const emitter = createEmitter({ agent: 42 });
emitter.emit('task_duration_ms', 1234, { unit: 'ms' });

// Ends by itself, as an example should; a companion would wait for SIGTERM.
const ending = AbortSignal.timeout(300);
const positionFile = join(process.env['CFN_METRICS_DIR'] ?? tmpdir(), 'follow-example.position.json');

for await (const { records, name } of followRecords({ from: 'start', positionFile, signal: ending })) {
  for (const { agent, metric, value } of records) console.log(`${name}: ${agent} ${metric} ${value}`);
}
await emitter.close();
