// Evaluates a rule over what agents stored, and tells a channel of one's own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmitter } from 'cfn-metrics';
import { type Channel, createAlerter, readAlerts } from 'cfn-metrics/alert';

const emitter = createEmitter({ agent: 42 });
emitter.emit('queue_length', 1234);
await emitter.close();

const rules = await readAlerts(
  JSON.stringify({
    rules: [
      {
        name: 'QueueFull',
        metric: 'queue_length',
        statistic: 'last',
        groupBy: ['agent'],
        levels: { warning: { above: 100, recover: 80 }, critical: { above: 1000, recover: 800 } },
        summary: '{{ labels.agent }} has {{ value }} tasks waiting',
      },
    ],
  }),
  'rules.json',
);
const channel: Channel = {
  name: 'mine',
  send: async ({ severity, alerts }) => {
    for (const { annotations } of alerts) console.log(`${severity}: ${annotations['summary']}`);
    // until a channel says so, it is asked again
    return { outcome: 'sent' };
  },
};
const state = mkdtempSync(join(tmpdir(), 'alert-example-'));
const alerter = createAlerter({ state, rules, channels: [channel] });
// a companion would `run(signal)`
await alerter.round();
await alerter.close();
rmSync(state, { recursive: true });
