import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { instrumentCoordinator } from '../../src/otel/coordinator.js';
import { ShardMetricExporter } from '../../src/otel/exporter.js';
import { temporaryDirectory } from '../support/directory.js';
import { storedRecords } from '../support/files.js';

function setup() {
  const directory = temporaryDirectory();
  const reader = new PeriodicExportingMetricReader({
    exporter: new ShardMetricExporter({ agent: 'coordinator', directory }),
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 1000,
  });
  const provider = new MeterProvider({ readers: [reader] });
  const instruments = instrumentCoordinator(provider.getMeter('coordinator'));
  const records = () => storedRecords(directory).filter(({ metric }) => metric !== 'target_info');
  return { instruments, provider, records };
}

it('stores what happened in the shard of the agent that it happened to', async () => {
  const { instruments, provider, records } = setup();
  instruments.agentSpawned(42);
  instruments.messageSent('agent-42', 12.5);
  instruments.messageSent('agent-42', 7.5);
  instruments.messageSent('agent-42', 1);
  // the same agent
  instruments.messageLost(42);
  instruments.taskCompleted('coder-7a', 1200, 0.97);
  const ms = instruments.startTimer(7)();
  await provider.shutdown();

  const stored = records().map(({ agent, metric, value, unit, type, count, sum }) =>
    [agent, metric, unit, type ?? 'gauge', count ?? 1, sum ?? value].join(' '),
  );
  const memory = stored.filter((record) => record.startsWith('coordinator memory_usage_mb MB gauge 1 '));
  expect(memory).toHaveLength(1);
  expect(Number(memory[0]?.split(' ').at(-1))).toBeGreaterThan(1);
  expect(stored.filter((record) => !memory.includes(record)).sort()).toEqual(
    [
      'agent-42 agents_spawned {agent} counter 1 1',
      'agent-42 message_latency_ms ms exponential_histogram 3 21',
      'agent-42 message_delivery_rate 1 gauge 1 0.75',
      'coder-7a task_duration_ms ms exponential_histogram 1 1200',
      'coder-7a task_success_rate 1 gauge 1 0.97',
      `agent-7 coordination_time_ms ms exponential_histogram 1 ${ms}`,
    ].sort(),
  );
});

it('has no delivery rate of an agent without messages since the last collection', async () => {
  const { instruments, provider, records } = setup();
  const rates = () =>
    records()
      .filter(({ metric }) => metric === 'message_delivery_rate')
      .map(({ value }) => value);
  instruments.messageLost(1);
  await provider.forceFlush();
  expect(rates()).toEqual([0]);
  await provider.forceFlush();
  expect(rates()).toEqual([0]);
  instruments.messageSent(1, 5);
  await provider.forceFlush();
  expect(rates().sort()).toEqual([0, 1]);
  await provider.shutdown();
});

it.each([10n, Symbol('a'), null, undefined, {}, Object.create(null), ''])(
  'does not throw at an agent that is none, and counts for its own (%#)',
  async (none) => {
    const { instruments, provider, records } = setup();
    const agent = none as number;
    instruments.agentSpawned(agent);
    instruments.messageSent(agent, 12.5);
    instruments.messageLost(agent);
    instruments.taskCompleted(agent, 1200, 0.97);
    instruments.startTimer(agent)();
    await provider.shutdown();
    const stored = records();
    expect(stored.map(({ metric }) => metric)).toContain('agents_spawned');
    expect(new Set(stored.map((record) => record.agent))).toEqual(new Set(['coordinator']));
  },
);

it('leaves out what is no number, and what comes after stop', async () => {
  const { instruments, provider, records } = setup();
  instruments.messageSent(1, NaN);
  instruments.taskCompleted(1, Infinity, NaN);
  instruments.stop();
  await provider.shutdown();
  expect(records()).toEqual([]);
});
