// Raw values, each in its file when record() has returned true.
import { createEmitter } from 'cfn-metrics';

const emitter = createEmitter({
  agent: process.env['CFN_AGENT_ID'] ?? 42,
  onError: (error) => {
    console.error(`${error.code}: ${error.message}`);
  },
});

const duration = emitter.gauge('task_duration_ms', { unit: 'ms', attributes: { phase: 'plan' } });
const sent = emitter.counter('messages_sent');

for (let task = 0; task < 5; task += 1) {
  duration.record(100 + 10 * task);
  sent.add(2);
}
// Without a bound instrument: the same record, found by its name each time.
emitter.emit('message_delivery_rate', 0.94, { attributes: { peer: 'agent-7' } });

const { stored, dropped } = emitter.stats();
console.log(`${stored} records stored, dropped: ${JSON.stringify(dropped)}`);
await emitter.close();
