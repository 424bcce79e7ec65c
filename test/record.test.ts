import { spawnSync } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LineParser } from '../src/line-parser.js';
import { LinePieces } from '../src/line-pieces.js';
import { parseRecord } from '../src/parse.js';
import { recordOf, type RecordSeries } from '../src/points.js';
import { agentId, formatRecord, type MetricRecord, START_TEXT } from '../src/record.js';
import { anyRecord, anyText } from './support/arbitrary.js';

const plain: MetricRecord = { time: 1_700_000_000_123, agent: 'agent-42', metric: 'x', value: 1 };

/** What is stored of a record: strings well-formed, what is empty or undefined left out. */
function stored(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(stored);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, stored(item)]));
}

function expected(record: MetricRecord): unknown {
  const { attributes, ...rest } = record;
  const none = attributes === undefined || Object.keys(attributes).length === 0;
  return stored(none ? rest : record);
}

/** Parses one line as if it stood in a file. */
function parseAsLine(parser: LineParser, line: string): MetricRecord | undefined {
  parser.use(Buffer.from(`${line}\n`));
  const series = parser.series(0);
  if (series !== undefined) return recordOf(series, parser.time, parser.value);
  const parsed = parser.parse(0);
  return typeof parsed === 'string' ? undefined : parsed;
}

describe('formatRecord', () => {
  it('writes the keys in the order of the contract', () => {
    const record: MetricRecord = {
      writer: 'w',
      scope: 's',
      value: 8031,
      attributes: { zone: 'b', phase: 'plan', ok: true, n: [1, 2] },
      type: 'counter',
      unit: 'ms',
      metric: 'coordination_time_ms',
      start: Date.parse('2026-11-21T20:12:33.976Z'),
      temporality: 'cumulative',
      agent: 'agent-42',
      time: Date.parse('2026-11-21T20:12:43.976Z'),
    };
    expect(formatRecord(record)).toBe(
      '{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-42","metric":"coordination_time_ms","value":8031,' +
        '"unit":"ms","type":"counter","attributes":{"n":[1,2],"ok":true,"phase":"plan","zone":"b"},' +
        '"temporality":"cumulative","start":"2026-11-21T20:12:33.976Z","scope":"s","writer":"w"}\n',
    );
  });

  it('writes what JSON has no number for as a word', () => {
    const values = [NaN, Infinity, -Infinity].map((value) => formatRecord({ ...plain, value }));
    expect(values.map((line) => /"value":([^}]*)}/.exec(line)?.[1])).toEqual([
      '"NaN"',
      '"Infinity"',
      '"-Infinity"',
    ]);
  });

  it.each<[string, Partial<Record<keyof MetricRecord, unknown>>]>([
    ['agent must be', { agent: '' }],
    ['agent must be', { agent: 'a\nb' }],
    ['agent must be', { agent: 'x'.repeat(129) }],
    ['metric must be', { metric: '1st' }],
    ['metric must be', { metric: 'x y' }],
    ['metric must be', { metric: 'x'.repeat(256) }],
    ['value must be', { value: '1' }],
    ['unit must be', { unit: 'x'.repeat(64) }],
    ['type must be', { type: 'summary' }],
    ['temporality must be', { temporality: 'delta' }],
    ['time must be', { time: NaN }],
    ['time must be', { time: 1.5 }],
    ['start must be', { start: Infinity }],
    ['attributes must be', { attributes: [1] }],
    ['attribute "a" must be', { attributes: { a: null } }],
    ['attribute "a" must be', { attributes: { a: NaN } }],
    ['attribute "a" must be', { attributes: { a: [1, 'x'] } }],
    ["an attribute's key", { attributes: { '': 1 } }],
    ["an attribute's key", { attributes: { '\ud800': 1 } }],
    ['a histogram must have', { type: 'histogram', count: 1, bounds: [1], counts: [1] }],
    ['bounds of a histogram must rise', { type: 'histogram', count: 1, bounds: [2, 1], counts: [1, 0, 0] }],
    [
      'an exponential histogram must have',
      { type: 'exponential_histogram', count: 1, scale: 0.5, zeroCount: 0 },
    ],
    ['count must be', { count: -1 }],
    ['sum must be', { sum: '1' }],
    ["a record's line must be at most", { attributes: { a: 'x'.repeat(65_536) } }],
  ])('refuses a record with: %s', (problem, change) => {
    expect(() => formatRecord({ ...plain, ...change } as MetricRecord)).toThrow(
      expect.objectContaining({
        code: 'ERR_METRICS_RECORD',
        message: expect.stringContaining(problem) as string,
      }),
    );
  });
});

describe('any record that is accepted', () => {
  it('parses back equal, by either parser', () => {
    const parser = new LineParser();
    fc.assert(
      fc.property(anyRecord, (record) => {
        const line = formatRecord(record).slice(0, -1);
        expect(stored(parseRecord(line))).toEqual(expected(record));
        // The first time by its text, the second time by its pieces, the third time by comparison.
        for (let i = 0; i < 3; i += 1) expect(stored(parseAsLine(parser, line))).toEqual(expected(record));
      }),
      { numRuns: 500 },
    );
  });

  it('holds the start text once, at its start, and is one line', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const line = formatRecord(record);
        expect(line.lastIndexOf(START_TEXT)).toBe(0);
        expect(line.indexOf('\n')).toBe(line.length - 1);
      }),
      { numRuns: 500 },
    );
  });

  it('passes jq -e', () => {
    const lines = fc.sample(anyRecord, { numRuns: 1000, seed: 7 }).map(formatRecord);
    const jq = spawnSync('jq', ['-e', '-c', '[.timestamp, .agent, .metric, .value] | length'], {
      input: lines.join(''),
    });
    expect(jq.stderr.toString()).toBe('');
    expect(jq.status).toBe(0);
    expect(jq.stdout.toString()).toBe('4\n'.repeat(1000));
  });

  it('is formatted the same again after it was parsed', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const line = formatRecord(record);
        expect(formatRecord(parseRecord(line) as MetricRecord)).toBe(line);
      }),
    );
  });
});

describe('parsing', () => {
  const line = formatRecord({ ...plain, unit: 'ms', attributes: { phase: 'plan' } }).slice(0, -1);

  it('takes keys in any order, and ignores those it does not know', () => {
    const shuffled =
      '{"value":1, "x":{"y":[1]},"metric":"m","agent":"a","timestamp":"2026-11-21T20:12:43.976Z"}';
    expect(stored(parseRecord(shuffled))).toEqual({
      time: Date.parse('2026-11-21T20:12:43.976Z'),
      agent: 'a',
      metric: 'm',
      value: 1,
    });
  });

  it.each([
    ['a number that no double holds', '1e999'],
    ['a leading zero', '007'],
    ['a plus sign', '+1'],
    ['a bare fraction', '.5'],
    ['hexadecimal', '0x10'],
    ['an empty value', ''],
    ['a word', '"nan"'],
    ['null', 'null'],
    ['two numbers', '1 2'],
  ])('refuses a value that is %s', (_, value) => {
    const bad = line.replace(':1,', `:${value},`);
    expect(parseRecord(bad)).toBeUndefined();
    expect(parseAsLine(new LineParser(), bad)).toBeUndefined();
  });

  it('refuses whatever stands in the place of anything, be it an object that cannot be shown', () => {
    const full = {
      ...{
        ...plain,
        unit: 'ms',
        type: 'histogram',
        temporality: 'delta',
        start: plain.time,
        count: 2,
        sum: 3,
      },
      ...{ min: 1, max: 2, bounds: [1], counts: [1, 1], scale: 1, zeroCount: 0, scope: 's', writer: 'w' },
      ...{ positive: { offset: 0, counts: [1] }, negative: { offset: 0, counts: [1] } },
      attributes: { phase: 'plan' },
    };
    const written = { ...full, timestamp: '2026-11-21T20:12:43.976Z', start: '2026-11-21T20:12:43.976Z' };
    const nested = '['.repeat(20_000) + ']'.repeat(20_000);
    for (const bad of ['{"toString":1}', '{"valueOf":1,"toString":"x"}', '[{"toString":1}]', nested]) {
      for (const key of Object.keys(written)) {
        const text = JSON.stringify({ ...written, [key]: '?' }).replace('"?"', () => bad);
        expect(parseRecord(text)).toBeUndefined();
        expect(parseAsLine(new LineParser(), text)).toBeUndefined();
      }
      const ofAttribute = line.replace('"plan"', () => bad);
      expect(parseRecord(ofAttribute)).toBeUndefined();
      expect(parseAsLine(new LineParser(), ofAttribute)).toBeUndefined();
    }
  });

  it.each([
    '2026-02-31T00:00:00.000Z',
    '2026-11-21T24:00:00.000Z',
    '2026-11-21 20:12:43.976Z',
    '+2026-11-21T20:12:43.97Z',
  ])('refuses the timestamp %s', (timestamp) => {
    const bad = line.replace(/"timestamp":"[^"]*"/, `"timestamp":"${timestamp}"`);
    expect(parseRecord(bad)).toBeUndefined();
    expect(parseAsLine(new LineParser(), bad)).toBeUndefined();
  });

  it('takes the same timestamps on the fast path as on the slow one, whatever character stands where', () => {
    const parser = new LineParser();
    let taken = 0;
    for (const time of ['20:12:43.976', '19:59:59.999', '00:00:00.000', '23:09:09.090']) {
      for (let at = 0; at < time.length; at += 1) {
        for (let code = 0; code < 256; code += 1) {
          const changed = time.slice(0, at) + String.fromCharCode(code) + time.slice(at + 1);
          const text = line.replace(/T[^"]*Z/, () => `T${changed}Z`);
          const record = parseRecord(text);
          // A newline makes two lines of it.
          if (code !== 10) expect(stored(parseAsLine(parser, text))).toEqual(stored(record));
          if (record !== undefined) taken += 1;
        }
      }
    }
    // Of each 65 that no hour depends on; of the tens of hours 2 or 3, and 10 of their ones, behind a 2 only 4.
    expect(taken).toBe(4 * 65 + (3 + 4) + (2 + 10) + (3 + 10) + (3 + 4));
  });

  it('takes and refuses the same lines on the fast path as on the slow one', () => {
    const parser = new LineParser();
    fc.assert(
      fc.property(anyRecord, anyText, fc.nat(), fc.nat(), (record, insert, at, cut) => {
        const text = formatRecord(record).slice(0, -1);
        for (let i = 0; i < 2; i += 1) parseAsLine(parser, text);
        const from = at % (text.length + 1);
        const changed = text.slice(0, from) + insert + text.slice(Math.min(text.length, from + (cut % 8)));
        const line = changed.replaceAll('\n', ' ').toWellFormed();
        expect(stored(parseAsLine(parser, line))).toEqual(stored(parseRecord(line)));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ...['}', '"unit":"ms"}', ',}', ' ,"unit":"ms"}', ',"unit":"ms",}', ',"other":2}', ',"":2}', '"":2}'],
    ...['.5}', 'e5}', '.5e5}', '5}', '-5}', ',"value":2}', ',"v\\u0061lue":2}', ',"v\\u0061lue":null}'],
  ])('takes a value before %s where the slow path does, as the same', (tail) => {
    for (const value of ['1', '0', '1.5', '1e5']) {
      const text = `{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-1","metric":"m","value":${value}${tail}`;
      const parser = new LineParser();
      for (let i = 0; i < 3; i += 1) {
        expect(stored(parseAsLine(parser, text))).toEqual(stored(parseRecord(text)));
      }
    }
  });

  it('learns a line once, however long its pieces, and knows it by its bytes from then on', () => {
    const learn = vi.spyOn(LinePieces.prototype, 'learn');
    onTestFinished(() => learn.mockRestore());
    for (let length = 0; length <= 24; length += 1) {
      const unit = 'é'.padEnd(length, 'x').slice(0, length);
      const record = { ...plain, agent: `a${unit}`, ...(length > 0 && { unit }) };
      const parser = new LineParser();
      for (const value of [1, 0.25, 1e-7, -1.5e300, 12345678901234.5, 0]) {
        const text = formatRecord({ ...record, value });
        parser.use(Buffer.from(text + text));
        expect(parser.series(0)).toMatchObject({ agent: record.agent });
        expect(parser.series(parser.end)).toMatchObject({ agent: record.agent });
        expect(parser).toMatchObject({ value, end: 2 * Buffer.byteLength(text) });
      }
      expect(learn).toHaveBeenCalledTimes(2);
      learn.mockClear();
    }
  });

  it('keeps what it learnt when other bytes come to the same place', () => {
    const parser = new LineParser();
    const bytes = Buffer.alloc(1000);
    const parse = (record: MetricRecord) => {
      const length = bytes.write(formatRecord(record).repeat(2));
      parser.use(bytes.subarray(0, length));
      return [parser.series(0), parser.series(parser.end)];
    };
    for (const record of [plain, { ...plain, unit: 'ms' }, { ...plain, agent: 'b' }, plain]) {
      const { time: _time, value: _value, ...series } = record;
      expect(stored(parse(record))).toEqual([series, series]);
    }
  });

  it('never takes the beginning of a record for one', () => {
    const parser = new LineParser();
    fc.assert(
      fc.property(anyRecord, (record) => {
        const text = formatRecord(record).slice(0, -1);
        for (let i = 0; i < 2; i += 1) parseAsLine(parser, text);
        for (let end = 0; end < text.length; end += 1 + Math.floor(text.length / 50)) {
          expect(parseAsLine(parser, text.slice(0, end))).toBeUndefined();
        }
      }),
    );
  });
});

describe('numbers on the fast path', () => {
  const around = (literal: string): string =>
    `{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-1","metric":"m","value":${literal},"unit":"ms"}`;
  const literal = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.stringMatching(/^-?[0-9]{0,18}\.?[0-9]{0,18}([eE][+-]?[0-9]{1,3})?$/),
  );

  it('are the doubles that JSON.parse reads, or none', () => {
    const parser = new LineParser();
    for (let i = 0; i < 2; i += 1) parseAsLine(parser, around('1'));
    fc.assert(
      fc.property(literal, (text) => {
        const value = parseAsLine(parser, around(text))?.value;
        expect([text, value]).toEqual([text, parseRecord(around(text))?.value]);
      }),
      { numRuns: 5000 },
    );
  });
});

it('remembers no more than so many series, and reads all there are', () => {
  const collect = exposedGc();
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 1e6;
  };
  const parser = new LineParser();
  const long = 'x'.repeat(350);
  const before = used();
  for (let i = 0; i < 120_000; i += 1) {
    // one head with ever new tails, then ever new heads
    const line = formatRecord({ ...plain, agent: `a${i < 60_000 ? 0 : i}`, attributes: { i, long } }).slice(
      0,
      -1,
    );
    const record = parseAsLine(parser, line);
    if (record?.attributes?.['i'] !== i) expect(record).toMatchObject({ attributes: { i } });
  }
  // all of them would take 300 MB
  expect(used() - before).toBeLessThan(120);
  expect(parseAsLine(parser, formatRecord(plain).slice(0, -1))).toMatchObject(plain);
});

it('forgets after ten minutes what nobody writes any more', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const parser = new LineParser();
  const seriesOf = (writer: string): RecordSeries | undefined => {
    const line = formatRecord({ ...plain, type: 'counter', writer });
    parser.use(Buffer.from(line + line));
    parser.series(0);
    parser.series(line.length);
    return parser.series(0);
  };
  const first = seriesOf('a');
  expect(first).toMatchObject({ writer: 'a' });
  vi.advanceTimersByTime(599_999);
  seriesOf('b');
  expect(seriesOf('a')).toBe(first);
  vi.advanceTimersByTime(1);
  seriesOf('b');
  expect(seriesOf('a')).not.toBe(first);
  expect(seriesOf('a')).toEqual(first);
});

function exposedGc(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

describe('agentId', () => {
  it.each([
    [42, 'agent-42'],
    ['42', 'agent-42'],
    ['agent-42', 'agent-42'],
    [0, 'agent-0'],
    ['007', '007'],
    ['-5', '-5'],
    ['1e3', '1e3'],
    ['999999999999999', 'agent-999999999999999'],
    ['1000000000000000', '1000000000000000'],
    ['coder-7a', 'coder-7a'],
    ['a\ud800', 'a\ufffd'],
  ])('stores %j as %j', (input, id) => {
    expect(agentId(input)).toBe(id);
  });
});
