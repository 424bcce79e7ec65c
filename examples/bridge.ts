// The three methods of the old bridge: each call stores one record of the agent it names.
import { MetricsBridge } from 'cfn-metrics';

const bridge = new MetricsBridge({
  onError: (error) => {
    console.log(`${error.code}: ${error.message}`);
  },
});

for (let agent = 1; agent <= 5; agent += 1) {
  bridge.recordCoordinationTime(agent, 100 * agent);
  bridge.recordMessageDelivery(agent, 1 - agent / 100);
  bridge.recordMemoryUsage(agent, 64 + agent);
}
// A rate is from 0 to 1: this one is refused, counted and reported, and nothing is thrown.
bridge.recordMessageDelivery(6, 97);

const { stored, dropped } = bridge.stats();
console.log(`${stored} records stored, dropped: ${JSON.stringify(dropped)}`);
await bridge.close();
