import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { MetricsError } from '../../src/errors.js';
import { createEmitter, type Emitter } from '../../src/store/emitter.js';
import type { EmitterOptions } from '../../src/store/emitter-options.js';
import { temporaryDirectory } from '../support/directory.js';
import { storedLines, storedRecords } from '../support/files.js';
import { WAIT } from '../support/wait.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = new URL('../../dist/index.js', import.meta.url).href;

let open: Emitter[] = [];

function emitter(options: EmitterOptions): Emitter {
  const made = createEmitter({ agent: 42, ...options });
  open.push(made);
  return made;
}

beforeEach(() => {
  vi.stubEnv('CFN_AGENT_ID', '');
});

afterEach(async () => {
  for (const each of open) await each.close();
  open = [];
  vi.useRealTimers();
});

describe('emit', () => {
  it('stores the record before it returns', () => {
    const directory = temporaryDirectory();
    vi.useFakeTimers({ now: Date.parse('2026-11-21T20:12:43.976Z') });
    const metrics = emitter({ directory });
    expect(metrics.emit('coordination_time_ms', 8031, { unit: 'ms', attributes: { phase: 'plan' } })).toBe(
      true,
    );
    expect(readFileSync(join(directory, 'cfn-metrics-10.jsonl'), 'utf8')).toBe(
      '{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-42","metric":"coordination_time_ms","value":8031,' +
        '"unit":"ms","attributes":{"phase":"plan"}}\n',
    );
    expect(metrics.stats()).toEqual({ stored: 1, queued: 0, dropped: {}, unlocked: 0 });
  });

  it('keeps series apart that differ in anything', () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    metrics.emit('a', 1);
    metrics.emit('a', 2, { unit: 's' });
    metrics.emit('a', 3, { attributes: { x: 1 } });
    metrics.emit('a', 4, { attributes: { x: '1' } });
    metrics.emit('a', 5, { agent: 'coder-7a' });
    metrics.emit('a', 6, { type: 'counter' });
    metrics.emit('a', 7, { type: 'updowncounter' });
    const seen = storedRecords(directory).map(({ value, agent, unit, attributes, type }) => [
      value,
      agent,
      unit,
      attributes,
      type,
    ]);
    expect(seen.sort()).toEqual([
      [1, 'agent-42', undefined, undefined, undefined],
      [2, 'agent-42', 's', undefined, undefined],
      [3, 'agent-42', undefined, { x: 1 }, undefined],
      [4, 'agent-42', undefined, { x: '1' }, undefined],
      [5, 'coder-7a', undefined, undefined, undefined],
      [6, 'agent-42', undefined, undefined, 'counter'],
      [7, 'agent-42', undefined, undefined, 'updowncounter'],
    ]);
  });

  it('leaves out what is undefined, and refuses what is no attribute, whatever it has seen before', () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    const left = { attributes: { a: undefined, b: 1 } as never };
    expect([metrics.emit('a', 1, left), metrics.gauge('a', left).record(2)]).toEqual([true, true]);
    const seen = [{}, { a: 'x' }, { a: '2026-11-21T00:00:00.000Z' }, { a: 1 }, { 0: 'x' }, { a: [1] }];
    const bad = [
      { attributes: { a: () => 1 } },
      { attributes: { a: Symbol('a') } },
      { attributes: { a: new Date('2026-11-21') } },
      { attributes: { a: { toJSON: () => 'x' } } },
      { attributes: { a: Object(1) as unknown } },
      { attributes: { a: null } },
      { attributes: ['x'] },
      { attributes: 'x' },
      { unit: ['ms'] },
      { agent: [7] },
      { type: ['counter'] },
    ] as never[];
    const answers = () => bad.map((options) => metrics.emit('m', 1, options));
    const refused = bad.map(() => false);
    expect(answers()).toEqual(refused);
    for (const attributes of seen) metrics.emit('m', 1, { attributes });
    metrics.emit('m', 1, { unit: 'ms' });
    metrics.emit('m', 1, { agent: 7 });
    metrics.emit('m', 1, { type: 'counter' });
    expect(answers()).toEqual(refused);
    expect(metrics.emit(['m'] as never, 1)).toBe(false);
    const records = storedRecords(directory).filter(({ metric }) => metric === 'a');
    expect(records.map(({ attributes }) => attributes)).toEqual([{ b: 1 }, { b: 1 }]);
  });

  it('adds to one counter whatever the order of its attributes', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    for (const attributes of [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
      { a: 1, b: 2 },
    ]) {
      metrics.emit('c', 1, { type: 'counter', attributes });
      vi.advanceTimersByTime(100);
    }
    expect(storedRecords(directory).map(({ start }) => start)).toEqual([1_000_000, 1_000_000, 1_000_100]);
  });

  it('does not see what happens to attributes afterwards', () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    const attributes: Record<string, string> = { phase: 'plan' };
    metrics.emit('a', 1, { attributes });
    attributes['phase'] = 'act';
    metrics.emit('a', 2, { attributes });
    expect(storedRecords(directory).map((record) => record.attributes)).toEqual([
      { phase: 'plan' },
      { phase: 'act' },
    ]);
  });

  it.each([NaN, Infinity, -Infinity, -0, 5e-324, 1.7976931348623157e308])('stores %d as it is', (value) => {
    const directory = temporaryDirectory();
    expect(emitter({ directory }).emit('a', value)).toBe(true);
    expect(storedRecords(directory)[0]?.value).toBe(value);
  });

  it('answers bad input with false, counts it, stores nothing of it and reports it once', () => {
    const directory = temporaryDirectory();
    const errors: MetricsError[] = [];
    const metrics = emitter({ directory, onError: (error) => errors.push(error) });
    const thrower = {
      get unit(): string {
        throw new Error('boo');
      },
    };
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const bad: [unknown, unknown, unknown?][] = [
      ['1st', 1],
      [undefined, 1],
      ['a', '1'],
      ['a', 1n],
      ['a', undefined],
      ['a', 1, { unit: 'x'.repeat(64) }],
      ['a', 1, { attributes: { x: null } }],
      ['a', 1, { attributes: { x: 1n } }],
      ['a', 1, { attributes: circular }],
      ['a', 1, { agent: '' }],
      ['a', 1, { type: 'histogram' }],
      ['a', 1, { attributes: { x: 'y'.repeat(70_000) } }],
      ['a', 1, thrower],
      ['a', -1, { type: 'counter' }],
      ['a', NaN, { type: 'counter' }],
      ['a', Infinity, { type: 'updowncounter' }],
    ];
    for (const args of bad)
      expect([args[0], metrics.emit(...(args as [string, number]))]).toEqual([args[0], false]);
    expect(metrics.stats()).toMatchObject({ stored: 0, dropped: { invalid: bad.length } });
    expect(errors.map(({ code }) => code)).toEqual(['ERR_METRICS_RECORD']);
    expect(storedLines(directory)).toEqual([]);
    metrics.emit('fine', 1);
    expect(
      storedRecords(directory).map(({ metric, value, attributes }) => [metric, value, attributes]),
    ).toEqual([
      ['fine', 1, undefined],
      ['cfn.metrics.dropped', bad.length, { reason: 'invalid' }],
    ]);
  });

  it('says so, once, when nothing can be stored, and stores how much was lost when it can again', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const directory = temporaryDirectory();
    const errors: MetricsError[] = [];
    const metrics = emitter({ directory, onError: (error) => errors.push(error) });
    rmSync(directory, { recursive: true });
    expect([metrics.emit('a', 1), metrics.emit('a', 2)]).toEqual([false, false]);
    expect(errors.map(({ code }) => code)).toEqual(['ERR_METRICS_DIRECTORY']);
    expect(errors[0]?.message).toContain(directory);
    mkdirSync(directory);
    vi.advanceTimersByTime(1001);
    expect(metrics.emit('a', 3)).toBe(true);
    expect(
      storedRecords(directory).map(({ metric, value, attributes }) => [metric, value, attributes]),
    ).toEqual([
      ['a', 3, undefined],
      ['cfn.metrics.dropped', 2, { reason: 'refused' }],
    ]);
    metrics.emit('a', 4);
    expect(storedLines(directory)).toHaveLength(3);
  });

  it('stays in a relative directory when the process goes elsewhere', () => {
    const [here, there] = [temporaryDirectory(), temporaryDirectory()];
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(here);
    mkdirSync('shards');
    const metrics = emitter({ directory: 'shards' });
    process.chdir(there);
    expect(metrics.emit('a', 1)).toBe(true);
    expect(storedRecords(join(here, 'shards'))).toHaveLength(1);
    rmSync(there, { recursive: true });
    // where there is no working directory, a relative one is as good as missing
    expect(emitter({ directory: 'shards', onError: () => undefined }).emit('a', 1)).toBe(false);
  });

  it('survives a listener that throws', () => {
    const metrics = emitter({
      directory: temporaryDirectory(),
      onError: () => {
        throw new Error('boo');
      },
    });
    expect(metrics.emit('1st', 1)).toBe(false);
  });
});

describe('bound instruments', () => {
  it('record the values of their series', () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    const gauge = metrics.gauge('g', { unit: 'ms', attributes: { a: 1 } });
    expect([gauge.record(1), gauge.record(NaN)]).toEqual([true, true]);
    expect(storedRecords(directory)).toMatchObject([
      { metric: 'g', value: 1, unit: 'ms', attributes: { a: 1 } },
      { metric: 'g', value: NaN, unit: 'ms', attributes: { a: 1 } },
    ]);
  });

  it('give counters an unbroken chain of intervals and one writer', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    const counter = metrics.counter('c');
    const upDown = metrics.upDownCounter('u');
    vi.advanceTimersByTime(100);
    counter.add(5);
    vi.advanceTimersByTime(100);
    counter.add(0);
    expect([counter.add(-1), counter.add(NaN), upDown.add(-2)]).toEqual([false, false, true]);
    const records = storedRecords(directory).filter(({ metric }) => metric !== 'cfn.metrics.dropped');
    expect(records).toMatchObject([
      { metric: 'c', value: 5, type: 'counter', start: 1_000_000, time: 1_000_100 },
      { metric: 'c', value: 0, type: 'counter', start: 1_000_100, time: 1_000_200 },
      { metric: 'u', value: -2, type: 'updowncounter', start: 1_000_000, time: 1_000_200 },
    ]);
    expect(new Set(records.map(({ writer }) => writer)).size).toBe(1);
    expect(records[0]?.writer).toMatch(new RegExp(`^${process.pid}-[0-9a-z]+-[0-9a-f]{8}$`));
  });

  it('let no interval begin after its end when the clock is put back', () => {
    vi.useFakeTimers({ now: 7_200_000, toFake: ['Date', 'performance'] });
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    const counter = metrics.counter('c');
    counter.add(1);
    counter.add(NaN);
    vi.setSystemTime(3_600_000);
    counter.add(1);
    vi.setSystemTime(3_600_100);
    counter.add(1);
    expect(storedRecords(directory).map(({ metric, start, time }) => [metric, start, time])).toEqual([
      ['c', 7_200_000, 7_200_000],
      ['c', 3_600_000, 3_600_000],
      ['cfn.metrics.dropped', 3_600_000, 3_600_000],
      ['c', 3_600_000, 3_600_100],
    ]);
  });

  it('store what is added twice within a millisecond as two records that are alike', () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const directory = temporaryDirectory();
    const counter = emitter({ directory }).counter('c');
    counter.add(5);
    counter.add(5);
    const [first, second] = storedLines(directory);
    expect(second).toBe(first);
  });

  it('made of bad options answer false for ever', () => {
    const metrics = emitter({ directory: temporaryDirectory() });
    expect(metrics.gauge('1st').record(1)).toBe(false);
    expect(metrics.counter('c', { unit: 'x'.repeat(64) }).add(1)).toBe(false);
    expect(metrics.stats().dropped).toEqual({ invalid: 4 });
  });
});

it('throws at nothing that has no text, and refuses an array with holes', () => {
  const directory = temporaryDirectory();
  const metrics = emitter({ directory });
  const bare = Object.create(null) as never;
  expect(metrics.emit('a', bare)).toBe(false);
  expect(metrics.emit(bare, 1)).toBe(false);
  expect(metrics.emit('a', 1, { agent: bare })).toBe(false);
  expect(metrics.emit('a', 1, { attributes: { x: bare } })).toBe(false);
  expect(metrics.gauge('a').record(bare)).toBe(false);
  expect(metrics.counter('a').add(bare)).toBe(false);
  expect(metrics.gauge(bare).record(1)).toBe(false);
  const throwing = {
    get unit(): string {
      throw bare as unknown;
    },
  };
  expect(metrics.emit('a', 1, throwing)).toBe(false);
  expect(metrics.gauge('a', throwing).record(1)).toBe(false);
  expect(metrics.counter('a', throwing).add(1)).toBe(false);
  // eslint-disable-next-line no-sparse-arrays -- what is refused
  expect(metrics.emit('a', 1, { attributes: { x: [1, , 3] as number[] } })).toBe(false);
  expect(storedRecords(directory).filter(({ metric }) => metric === 'a')).toEqual([]);
  for (const options of [{ agent: bare }, { shards: bare }]) {
    expect(() => createEmitter(options)).toThrow(MetricsError);
  }
});

it('takes no name or value for another that reads like it', () => {
  const directory = temporaryDirectory();
  const metrics = emitter({ directory });
  expect(metrics.emit('m', 1, { attributes: { a: 'q\ngauge\n' } })).toBe(true);
  expect(metrics.emit('m\ngauge\n1,8"aq', 2, { type: 'gauge' })).toBe(false);
  for (const value of [0, -0, '0', '-0']) {
    expect(metrics.emit('zero', 1, { attributes: { value } })).toBe(true);
  }
  const values = storedLines(directory).flatMap((line) => /"value":("?-?0"?)\}/.exec(line)?.[1] ?? []);
  expect(values).toEqual(['0', '-0', '"0"', '"-0"']);
});

it('gives the reason of what was thrown, however long it is', () => {
  const messages: string[] = [];
  const metrics = emitter({
    directory: temporaryDirectory(),
    onError: ({ message }) => messages.push(message),
  });
  const options = {
    get unit(): string {
      throw new Error(`${'/a/long/path'.repeat(20)}: the reason`);
    },
  };
  expect(metrics.emit('m', 1, options)).toBe(false);
  expect(messages).toEqual([expect.stringMatching(/: the reason$/)]);
});

it('survives a listener that throws, and one that rejects', async () => {
  const rejected = vi.fn();
  process.on('unhandledRejection', rejected);
  const throwing = () => {
    throw new Error('boo');
  };
  const rejecting: () => unknown = () => Promise.reject(new Error('boo'));
  for (const onError of [throwing, rejecting]) {
    expect(emitter({ directory: '/nowhere', onError }).emit('a', 1)).toBe(false);
  }
  await new Promise(setImmediate);
  process.off('unhandledRejection', rejected);
  expect(rejected).not.toHaveBeenCalled();
});

describe('batched', () => {
  it('says that nothing can be stored, and counts what is lost when it closes', async () => {
    const onError = vi.fn();
    const metrics = emitter({ directory: '/nowhere', durability: 'batched', onError });
    metrics.emit('a', 1);
    metrics.emit('a', 2);
    expect(metrics.flush()).toBe(false);
    expect(onError).toHaveBeenCalledOnce();
    expect(onError.mock.calls[0]![0]).toMatchObject({ code: 'ERR_METRICS_DIRECTORY' });
    expect(metrics.stats()).toMatchObject({ stored: 0, queued: 2, dropped: {} });
    await metrics.close();
    expect(metrics.stats()).toMatchObject({ stored: 0, queued: 0, dropped: { backlog: 2 } });
  });

  it('opens nothing again after it was closed', async () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory });
    metrics.emit('a', 1);
    await metrics.close();
    metrics.emit('a', 2);
    const before = readdirSync('/proc/self/fd').length;
    expect(metrics.flush()).toBe(true);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });

  it('stores within the interval, in order', async () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory, durability: 'batched', flushIntervalMs: 20 });
    for (let i = 0; i < 5; i += 1) expect(metrics.emit('a', i)).toBe(true);
    expect(storedLines(directory)).toEqual([]);
    expect(metrics.stats()).toMatchObject({ stored: 0, queued: 5 });
    await vi.waitFor(() => {
      expect(storedRecords(directory).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4]);
    }, WAIT);
    expect(metrics.stats()).toMatchObject({ stored: 5, queued: 0 });
  });

  it('stores at once what has grown to a batch, and on flush and close the rest', async () => {
    const directory = temporaryDirectory();
    const metrics = emitter({ directory, durability: 'batched', flushIntervalMs: 60_000 });
    for (let i = 0; i < 1000; i += 1) metrics.emit('a', i, { attributes: { pad: 'x'.repeat(100) } });
    const early = storedLines(directory).length;
    expect(early).toBeGreaterThan(100);
    expect(metrics.flush()).toBe(true);
    expect(storedLines(directory)).toHaveLength(1000);
    metrics.emit('a', 1000);
    const closing = metrics.close();
    expect(metrics.close()).toBe(closing);
    await closing;
    expect(storedRecords(directory).map(({ value }) => value)).toEqual(
      Array.from({ length: 1001 }, (_, i) => i),
    );
    expect(metrics.emit('a', 1)).toBe(false);
    expect(metrics.stats()).toMatchObject({ stored: 1001, dropped: { closed: 1 } });
  });

  it('keeps what cannot be stored, up to its bound, and stores it once, when it can', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const directory = temporaryDirectory();
    const metrics = emitter({ directory, durability: 'batched', maxQueueBytes: 65_536 });
    rmSync(directory, { recursive: true });
    for (let i = 0; i < 1000; i += 1) metrics.emit('a', i);
    expect(metrics.flush()).toBe(false);
    const { queued, dropped } = metrics.stats();
    expect(queued + (dropped['backlog'] ?? 0)).toBe(1000);
    expect(queued).toBeGreaterThan(500);
    mkdirSync(directory);
    vi.advanceTimersByTime(1001);
    expect(metrics.flush()).toBe(true);
    const records = storedRecords(directory);
    expect(records.filter(({ metric }) => metric === 'a').map(({ value }) => value)).toEqual(
      Array.from({ length: queued }, (_, i) => i),
    );
    expect(records.find(({ metric }) => metric === 'cfn.metrics.dropped')?.value).toBe(1000 - queued);
  });

  it.each([
    ['the natural end', '', 0],
    ['process.exit()', 'process.exit(3)', 3],
    ['an uncaught error', 'throw new Error("boo")', 1],
    ['an emission in a listener of exit', 'process.on("exit", () => metrics.emit("a", 2))', 0, 2],
  ])('loses nothing at %s', (_, ending, code, also = 1) => {
    const directory = temporaryDirectory();
    const script =
      `import { createEmitter } from ${JSON.stringify(built)};` +
      `const metrics = createEmitter({ agent: 1, directory: ${JSON.stringify(directory)}, durability: 'batched' });` +
      `metrics.emit('a', 1); ${ending}`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(child.status).toBe(code);
    const values = storedRecords(directory).map(({ value }) => value);
    expect(values).toContain(1);
    expect(values).toContain(also);
  });
});

describe('createEmitter', () => {
  it.each<[string, EmitterOptions]>([
    ['shards must be a whole number from 1 to 1024, got 0', { shards: 0 }],
    ['shards must be a whole number from 1 to 1024, got -1', { shards: -1 }],
    ['shards must be a whole number from 1 to 1024, got 1.5', { shards: 1.5 }],
    ['shards must be a whole number from 1 to 1024, got 1025', { shards: 1025 }],
    ['durability must be one of immediate, batched, got "sync"', { durability: 'sync' as never }],
    ['flushIntervalMs must be a whole number from 1 to 60000, got 0', { flushIntervalMs: 0 }],
    ['maxQueueBytes must be a whole number of at least 65536, got 1', { maxQueueBytes: 1 }],
    ['agent must be 1 to 128 characters', { agent: '' }],
  ])('refuses: %s', (message, options) => {
    expect(() => createEmitter(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_OPTION',
        message: expect.stringContaining(message) as string,
      }),
    );
  });

  it('takes what it is not told from the environment', () => {
    const directory = temporaryDirectory();
    vi.stubEnv('CFN_METRICS_DIR', directory);
    vi.stubEnv('CFN_METRICS_SHARDS', '4');
    vi.stubEnv('CFN_AGENT_ID', 'agent-7');
    emitter({ agent: undefined }).emit('a', 1);
    expect(readFileSync(join(directory, 'cfn-metrics-3.jsonl'), 'utf8')).toContain('"agent":"agent-7"');
    vi.stubEnv('CFN_METRICS_SHARDS', '0');
    expect(() => createEmitter()).toThrow(
      'CFN_METRICS_SHARDS must be a whole number from 1 to 1024, got "0"',
    );
  });

  it('throws nothing where Node may look at nothing, and says so when something is to be stored', () => {
    const permission = ['--permission', '--experimental-permission'].find((flag) =>
      process.allowedNodeEnvironmentFlags.has(flag),
    )!;
    const script =
      `import { createEmitter } from ${JSON.stringify(built)};` +
      'const onError = ({ code, message }) => console.log(code, message);' +
      'console.log(createEmitter({ agent: 1, onError }).emit("a", 1));';
    const program = join(temporaryDirectory(), 'program.mjs');
    writeFileSync(program, script);
    const allowed = [root, dirname(program)].map((path) => `--allow-fs-read=${path}/*`);
    const { stdout } = spawnSync(process.execPath, [permission, ...allowed, program], {
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^ERR_METRICS_STORE .*\nfalse\n$/);
    expect(stdout).toContain('/dev/shm');
  });

  it('does not make Node warn of a leak, however many there are', () => {
    const before = process.listenerCount('exit');
    for (let i = 0; i < 20; i += 1) emitter({ durability: 'batched' });
    expect(process.listenerCount('exit')).toBeLessThanOrEqual(before + 1);
  });
});

it('recognises errors of another copy of the package', () => {
  const other = Object.defineProperty(new Error('x'), Symbol.for('cfn-metrics.error'), { value: true });
  expect(other).toBeInstanceOf(MetricsError);
  expect(new Error('x')).not.toBeInstanceOf(MetricsError);
});
