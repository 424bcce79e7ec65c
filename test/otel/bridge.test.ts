import { expect, it, vi } from 'vitest';
import { MetricsBridge } from '../../src/index.js';
import { temporaryDirectory } from '../support/directory.js';
import { storedRecords } from '../support/files.js';

function setup() {
  const directory = temporaryDirectory();
  const onError = vi.fn();
  const bridge = new MetricsBridge({ agent: 'coordinator', directory, onError });
  return { bridge, directory, onError };
}

it('stores each measurement as a record of the agent it names', async () => {
  const { bridge, directory } = setup();
  expect(bridge.recordCoordinationTime(42, 8031)).toBe(true);
  expect(bridge.recordMessageDelivery('agent-42', 0.94)).toBe(true);
  expect(bridge.recordMemoryUsage('coder-7a', 512.5)).toBe(true);
  await bridge.close();
  expect(
    storedRecords(directory).map(({ agent, metric, value, unit }) => [agent, metric, value, unit]),
  ).toEqual(
    expect.arrayContaining([
      ['agent-42', 'coordination_time_ms', 8031, 'ms'],
      ['agent-42', 'message_delivery_rate', 0.94, '1'],
      ['coder-7a', 'memory_usage_mb', 512.5, 'MB'],
    ]),
  );
});

it('takes both ends of a range', () => {
  const { bridge } = setup();
  expect(bridge.recordMessageDelivery(1, 0)).toBe(true);
  expect(bridge.recordMessageDelivery(1, 1)).toBe(true);
  expect(bridge.recordCoordinationTime(0, 0)).toBe(true);
});

it('refuses what is no measurement, counts it, and says so once', async () => {
  const { bridge, directory, onError } = setup();
  const bad = '5' as unknown as number;
  expect(bridge.recordMessageDelivery(1, 94)).toBe(false);
  expect(bridge.recordMessageDelivery(1, -0.1)).toBe(false);
  expect(bridge.recordCoordinationTime(1, NaN)).toBe(false);
  expect(bridge.recordCoordinationTime(1, Infinity)).toBe(false);
  expect(bridge.recordCoordinationTime(1, -1)).toBe(false);
  expect(bridge.recordMemoryUsage(1, bad)).toBe(false);
  expect(bridge.recordMemoryUsage('', 1)).toBe(false);
  expect(bridge.recordMemoryUsage('a\nb', 1)).toBe(false);
  expect(bridge.recordMemoryUsage(undefined as unknown as string, 1)).toBe(false);
  expect(bridge.recordMemoryUsage(Object.create(null) as string, 1)).toBe(false);
  expect(bridge.recordMemoryUsage(1, Object.create(null) as number)).toBe(false);
  expect(bridge.stats()).toMatchObject({ stored: 0, dropped: { invalid: 11 } });
  expect(onError).toHaveBeenCalledOnce();
  expect(onError.mock.calls[0]![0].message).toBe(
    'message_delivery_rate must be a number from 0 to 1, got 94',
  );

  await bridge.close();
  expect(bridge.recordMemoryUsage(1, 1)).toBe(false);
  const [drop] = storedRecords(directory);
  expect(drop).toMatchObject({ agent: 'coordinator', metric: 'cfn.metrics.dropped', value: 11 });
});

it('waits where records are batched, until it is flushed', () => {
  const directory = temporaryDirectory();
  const bridge = new MetricsBridge({ directory, durability: 'batched' });
  expect(bridge.recordMemoryUsage(7, 100)).toBe(true);
  expect(bridge.stats().queued).toBe(1);
  expect(bridge.flush()).toBe(true);
  expect(storedRecords(directory)).toMatchObject([{ agent: 'agent-7', value: 100 }]);
});
