import { describe } from 'vitest';
import { createDatadogBackend } from '../../../adapters/datadog/index.js';
import { startDatadogReceiver, type StoredSeries } from '../../forward/receivers/datadog.js';
import { itKeepsTheContract, type ReceivedSeries } from '../contract.js';
import { pushAdapter, type PushReceiver } from '../push.js';

const HISTOGRAM = /\.(count|sum|min|max)$/;
/** The agent of the contract whose name is no tag. */
const HOSTILE = new Map([['a___', 'a"}\\']]);

async function receiver(apiVersion: 1 | 2): Promise<PushReceiver> {
  const apiKey = 'key';
  const started = await startDatadogReceiver({ apiKey, now: Date.now });
  /** When the last value of a gauge was told of; the time of a value is a whole second. */
  const toldAt = new Map<string, { at: number; values: number }>();
  return {
    backend: createDatadogBackend({ apiKey, endpoint: started.url, apiVersion }),
    known: (since) => {
      const told = [...started.series].filter(([key, { type, values }]) => {
        const before = toldAt.get(key);
        if (before?.values !== values.size) toldAt.set(key, { at: Date.now(), values: values.size });
        return type === 'count' || toldAt.get(key)!.at >= since;
      });
      return receivedSeries(told.map(([, series]) => series));
    },
  };
}

function receivedSeries(all: readonly StoredSeries[]): ReceivedSeries[] {
  const sums = new Map(
    all.filter(({ metric }) => metric.endsWith('.sum')).map((each) => [keyOf(each), total(each)]),
  );
  return all
    .filter(({ metric }) => !/\.(sum|min|max)$/.test(metric))
    .map((each) => {
      const tags = each.tags.map((tag): [string, string] => [tag.slice(0, tag.indexOf(':')), tag]);
      const [, agent = ''] = tags.find(([key]) => key === 'agent_id') ?? [];
      const id = agent.slice('agent_id:'.length);
      return {
        metric: each.metric.replace(HISTOGRAM, ''),
        agent: HOSTILE.get(id) ?? id,
        labels: { tags: each.tags.join() },
        value: total(each),
        sum: sums.get(keyOf(each)),
      };
    });
}

function keyOf({ metric, tags }: StoredSeries): string {
  return [metric.replace(HISTOGRAM, ''), ...tags].join();
}

function total({ type, values }: StoredSeries): number {
  const sorted = [...values].sort(([a], [b]) => a - b).map(([, value]) => value);
  return type === 'gauge' ? sorted.at(-1)! : sorted.reduce((a, b) => a + b, 0);
}

describe.each([1, 2] as const)('Datadog, version %d', (version) => {
  itKeepsTheContract({ nameOf: (metric) => metric, start: pushAdapter(() => receiver(version)) });
});
