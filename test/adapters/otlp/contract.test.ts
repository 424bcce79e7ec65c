import { describe } from 'vitest';
import { createNewRelicBackend } from '../../../adapters/newrelic/index.js';
import { createOtlpBackend } from '../../../adapters/otlp/index.js';
import type { Backend } from '../../../src/forward/backend.js';
import { type OtlpRules, startOtlpReceiver, type ToldPoint } from '../../forward/receivers/otlp.js';
import { itKeepsTheContract } from '../contract.js';
import { Ledger, pushAdapter, type PushReceiver } from '../push.js';

/** A receiver that adds up deltas, and takes totals as they are. */
async function receiver(rules: OtlpRules, create: (url: string) => Promise<Backend>): Promise<PushReceiver> {
  const started = await startOtlpReceiver(rules);
  const ledger = new Ledger();
  return {
    backend: await create(started.url),
    known: (since) => {
      for (const point of started.points.splice(0)) tell(ledger, point);
      return ledger.known(since);
    },
  };
}

function tell(ledger: Ledger, { kind, temporality, metric, resource, attributes, numbers }: ToldPoint): void {
  const { 'agent.id': named, ...own } = attributes;
  const agent = String(named ?? resource['agent.id']);
  const labels = Object.fromEntries(Object.entries(own).map(([key, value]) => [key, JSON.stringify(value)]));
  const { value, count, sum } = numbers as Record<string, number>;
  const how = temporality === 'delta' ? 'add' : 'replace';
  ledger.add({ metric, agent, labels, value: (value ?? count)!, sum }, how, kind === 'gauge');
}

const nameOf = (metric: string): string => metric;

describe.each(['cumulative', 'delta'] as const)('OTLP, %s', (temporality) => {
  describe.each(['resource', 'attribute'] as const)('agents by %s', (agents) => {
    const protocol = agents === 'resource' ? 'http/protobuf' : 'http/json';
    itKeepsTheContract({
      nameOf,
      start: pushAdapter(() =>
        receiver({}, (endpoint) => createOtlpBackend({ endpoint, temporality, agents, protocol })),
      ),
    });
  });
});

describe('New Relic', () => {
  const licenseKey = 'key';
  const rules: OtlpRules = {
    ...{ headers: { 'api-key': licenseKey }, deltasOnly: true, maxBytes: 1_000_000 },
    maxAttribute: { name: 255, value: 4095, items: 64 },
  };
  itKeepsTheContract({
    nameOf,
    start: pushAdapter(() => receiver(rules, (endpoint) => createNewRelicBackend({ licenseKey, endpoint }))),
  });
});
