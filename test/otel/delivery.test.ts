import { mkdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import { ShardMetricExporter, type ShardMetricExporterOptions } from '../../src/otel/index.js';
import { LineDecoder } from '../../src/store/lines.js';
import type { MetricRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { storedLines } from '../support/files.js';
import { batchOf, exported, gaugeOf, hrTime, points, provide, resources } from './support.js';
import { WAIT } from '../support/wait.js';

// What the SDK exported it forgets, whatever became of it: each of these lost points somewhere once.

const disk = vi.hoisted(() => ({ takes: [] as (number | Error)[] }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    /** Like a disk that takes so many bytes of each write, or none at all. */
    writeSync(fd: number, lines: string | Buffer) {
      const takes = disk.takes.shift() ?? Infinity;
      if (takes instanceof Error) throw takes;
      return fs.writeSync(fd, Buffer.from(lines as string).subarray(0, takes));
    },
  };
});
beforeEach(() => {
  disk.takes = [];
});

function setup(options: ShardMetricExporterOptions = {}) {
  const directory = temporaryDirectory();
  const onError = vi.fn();
  const exporter = new ShardMetricExporter({ agent: 42, directory, onError, ...options });
  return { directory, exporter, onError, file: join(directory, 'cfn-metrics-10.jsonl') };
}

/** Records as readers find them, torn ones left out. */
function read(directory: string): MetricRecord[] {
  const records: MetricRecord[] = [];
  new LineDecoder().decode(Buffer.from(`${storedLines(directory).join('\n')}\n`), false, records);
  return records;
}

function sum(directory: string, metric: string): number {
  return read(directory).reduce((total, record) => total + (record.metric === metric ? record.value : 0), 0);
}

it('mocks the disk', () => {
  disk.takes = [new Error('full')];
  expect(() => writeSync(1, '')).toThrow('full');
});

it('loses no delta and doubles none when exports fail, whole or in the middle of a line', async () => {
  const { directory, exporter } = setup();
  const provider = provide(exporter);
  const meter = provider.getMeter('test');
  const [jobs, tasks] = [meter.createCounter('jobs'), meter.createCounter('tasks')];
  const latency = meter.createHistogram('latency');
  let added = 0;
  for (let round = 1; round <= 60; round += 1) {
    for (const kind of ['a', 'b', 'c']) jobs.add(round, { kind, text: 'é' });
    tasks.add(1);
    latency.record(round);
    added += 3 * round;
    // of four writes one is whole, one fails, two are short
    disk.takes = [[Infinity], [new Error('EIO')], [round * 17], [round * 31]][round % 4] as (
      number | Error
    )[];
    await provider.forceFlush();
  }
  disk.takes = [];
  await provider.shutdown();
  expect(sum(directory, 'jobs')).toBe(added);
  expect(sum(directory, 'tasks')).toBe(60);
  const histograms = read(directory).filter(({ metric }) => metric === 'latency');
  expect(histograms.reduce((count, record) => count + record.count!, 0)).toBe(60);
  expect(histograms.reduce((total, record) => total + record.sum!, 0)).toBe((60 * 61) / 2);
  expect(exporter.stats()).toMatchObject({ queued: 0, dropped: {} });
});

it('answers FAILED while records wait, and SUCCESS once they are stored', () => {
  const { directory, exporter, onError } = setup();
  disk.takes = [new Error('EIO')];
  expect(exported(exporter, batchOf(gaugeOf('a', 1)))).toMatchObject([
    {
      code: 1,
      error: {
        code: 'ERR_METRICS_STORE',
        message: '2 records wait, and will be stored with the next export',
      },
    },
  ]);
  expect(onError).toHaveBeenCalledOnce();
  expect(exporter.stats()).toMatchObject({ stored: 0, queued: 2 });
  expect(exported(exporter, batchOf(gaugeOf('b', 1)))).toEqual([{ code: 0 }]);
  expect(points(directory).map(({ metric }) => metric)).toEqual(['a', 'b']);
  expect(resources(directory)).toHaveLength(1);
});

it('stores what waits when it is flushed, and when it is shut down', async () => {
  for (const end of ['forceFlush', 'shutdown'] as const) {
    const { directory, exporter } = setup();
    disk.takes = [new Error('EIO')];
    exported(exporter, batchOf(gaugeOf('a', 1)));
    await exporter[end]();
    expect(points(directory)).toHaveLength(1);
    if (end === 'forceFlush') exported(exporter, batchOf(gaugeOf('b', 1)));
    expect(resources(directory)).toHaveLength(1);
  }
});

it('keeps of a gauge and of a total only the latest, of deltas all', () => {
  const { directory, exporter } = setup();
  const time = hrTime(Date.now());
  const total = (value: number, startTime = time): object => ({
    ...gaugeOf('total', value),
    dataPointType: 3,
    isMonotonic: true,
    aggregationTemporality: 1,
    dataPoints: [{ startTime, endTime: time, attributes: {}, value }],
  });
  const delta = (value: number): object => ({ ...total(value), aggregationTemporality: 0 });
  disk.takes = [new Error('EIO'), new Error('EIO')];
  exported(
    exporter,
    batchOf(gaugeOf('heat', 1, { room: 'a' }), gaugeOf('heat', 2, { room: 'b' }), total(10), delta(1)),
  );
  exported(exporter, batchOf(gaugeOf('heat', 3, { room: 'a' }), total(11), delta(2)));
  exported(exporter, batchOf(total(1, hrTime(Date.now() - 5000)), delta(3)));
  const values = points(directory).map(
    ({ metric, value, temporality }) => `${metric} ${temporality ?? ''} ${value}`,
  );
  expect(values).toEqual([
    'heat  2',
    'total  1',
    'heat  3',
    'total cumulative 11',
    'total  2',
    'total cumulative 1',
    'total  3',
  ]);
});

it('gives what waited the time of its append, and leaves its start', () => {
  const { directory, exporter } = setup();
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    vi.setSystemTime(1_800_000_000_000);
    disk.takes = [new Error('EIO')];
    const [start, end] = [hrTime(Date.now() - 10_000), hrTime(Date.now())];
    const sumPoint = { startTime: start, endTime: end, attributes: {}, value: 1 };
    exported(
      exporter,
      batchOf({ ...gaugeOf('jobs', 1), dataPointType: 3, isMonotonic: true, dataPoints: [sumPoint] }),
    );
    vi.setSystemTime(1_800_000_007_000);
    exported(exporter, batchOf(gaugeOf('heat', 1)));
  } finally {
    vi.useRealTimers();
  }
  expect(points(directory)).toMatchObject([
    { metric: 'jobs', time: 1_800_000_007_000, start: 1_799_999_990_000 },
    { metric: 'heat', time: 1_800_000_007_000 },
  ]);
});

it('keeps no more than it may, and counts what is lost', async () => {
  const { directory, exporter } = setup({ maxQueueBytes: 65_536 });
  const delta = (name: string): object => ({
    ...gaugeOf(name, 1, { pad: 'x'.repeat(900) }),
    dataPointType: 3,
  });
  disk.takes = [new Error('EIO'), new Error('EIO')];
  const [result] = exported(exporter, batchOf(...Array.from({ length: 100 }, (_, i) => delta(`m${i}`))));
  expect(result).toMatchObject({ code: 1 });
  const { queued, dropped } = exporter.stats();
  expect(queued + dropped['backlog']!).toBe(101);
  expect(queued).toBeGreaterThan(50);
  await exporter.forceFlush();
  await exporter.forceFlush();
  const [drop, ...others] = points(directory).filter(({ metric }) => metric === 'cfn.metrics.dropped');
  expect(drop).toMatchObject({ value: dropped['backlog'], attributes: { reason: 'backlog' } });
  expect(others).toEqual([]);
});

it('counts what still waits at shutdown as lost', async () => {
  const { exporter } = setup();
  disk.takes = Array.from({ length: 9 }, () => new Error('EIO'));
  exported(exporter, batchOf(gaugeOf('a', 1)));
  await exporter.shutdown();
  expect(exporter.stats().dropped).toEqual({ backlog: 2 });
});

it('waits for a directory that is missing, and stores everything once it is there', async () => {
  const { directory, exporter, onError } = setup();
  const provider = provide(exporter);
  const jobs = provider.getMeter('test').createCounter('jobs');
  renameSync(directory, `${directory}-away`);
  jobs.add(1);
  await provider.forceFlush();
  expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'ERR_METRICS_DIRECTORY' });
  jobs.add(2);
  await provider.forceFlush();
  renameSync(`${directory}-away`, directory);
  // what could not be opened is left alone for a second
  await vi.waitFor(
    async () => {
      await exporter.forceFlush();
      expect(sum(directory, 'jobs')).toBe(3);
    },
    { ...WAIT, interval: 100 },
  );
  expect(resources(directory)).toHaveLength(1);
});

it('says who it is again in the file that follows a sealed one', async () => {
  const { directory, exporter, file } = setup();
  exported(exporter, batchOf(gaugeOf('a', 1)));
  renameSync(file, join(directory, 'cfn-metrics-20261121-10.jsonl'));
  exported(exporter, batchOf(gaugeOf('b', 1)));
  exported(exporter, batchOf(gaugeOf('c', 1)));
  expect(points(directory)).toHaveLength(3);
  expect(resources(directory)).toHaveLength(2);
});

it('appends each shard once a batch, also where the reader splits batches', async () => {
  const { directory, exporter } = setup({ shards: 2 });
  const provider = provide(exporter, { batch: 3 });
  const counter = provider.getMeter('test').createCounter('jobs');
  for (let i = 0; i < 10; i += 1) counter.add(1, { i, 'agent.id': i % 2 });
  disk.takes = [];
  const shift = vi.spyOn(disk.takes, 'shift');
  await provider.forceFlush();
  expect(sum(directory, 'jobs')).toBe(10);
  // four batches, of both shards each but for the last, which is of one
  expect(shift.mock.calls.length).toBe(7);
});

it('neither mixes nor repeats anything when readers overlap, with slow observable callbacks', async () => {
  const { directory, exporter } = setup();
  const providers = [provide(exporter), provide(exporter)];
  const counters = providers.map((provider, i) => {
    const meter = provider.getMeter('test');
    meter.createObservableGauge(`slow_${i}`).addCallback(async (result) => {
      await new Promise((resolve) => setTimeout(resolve, 3));
      result.observe(i);
    });
    return meter.createCounter(`jobs_${i}`);
  });
  for (let round = 0; round < 10; round += 1) {
    for (const counter of counters) counter.add(1);
    await Promise.all(providers.flatMap((provider) => [provider.forceFlush(), provider.forceFlush()]));
  }
  expect([sum(directory, 'jobs_0'), sum(directory, 'jobs_1')]).toEqual([10, 10]);
  expect(read(directory)).toHaveLength(storedLines(directory).length);
});

it('never rejects, not even where the directory is gone for good', async () => {
  const { directory, exporter } = setup();
  rmSync(directory, { recursive: true });
  exported(exporter, batchOf(gaugeOf('a', 1)));
  await Promise.all([exporter.forceFlush(), exporter.shutdown(), exporter.forceFlush(), exporter.shutdown()]);
  expect(exporter.stats().dropped).toEqual({ backlog: 2 });
  mkdirSync(directory);
});
