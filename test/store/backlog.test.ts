import { expect, it } from 'vitest';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import type { Appender } from '../../src/store/appender.js';
import { Backlog, type Line } from '../../src/store/backlog.js';
import { LineDecoder } from '../../src/store/lines.js';

const LATER = '2026-11-21T20:00:00.000Z';

/** An appender into a string that takes only so many bytes. */
function setup(maxBytes = 1_000_000) {
  const state = { text: '', takes: Infinity, offered: 0 };
  const appender = {
    append(_shard: number, lines: string) {
      state.offered += lines.length;
      const bytes = Buffer.from(lines).subarray(0, state.takes);
      state.takes -= bytes.length;
      state.text += bytes.toString();
      return bytes.length;
    },
  } as Appender;
  return { state, backlog: new Backlog(appender, maxBytes) };
}

function line(value: number, gauge?: string): Line {
  return { text: formatRecord({ time: 0, agent: 'a', metric: 'm', value, unit: 'é' }), gauge };
}

function values(text: string): number[] {
  const records: MetricRecord[] = [];
  new LineDecoder().decode(Buffer.from(text), false, records);
  return records.map(({ value }) => value);
}

it('passes lines on as one write', () => {
  const { state, backlog } = setup();
  expect(backlog.append(0, [line(1), line(2)], LATER)).toEqual({ stored: 2, lost: 0 });
  expect(state.text).toBe(line(1).text + line(2).text);
  expect(backlog.size).toBe(0);
});

it('appends again exactly the lines that are not whole in the file, before newer ones', () => {
  for (let takes = 0; takes <= 3 * Buffer.byteLength(line(1).text); takes += 1) {
    const { state, backlog } = setup();
    state.takes = takes;
    backlog.append(0, [line(1), line(2), line(3)], LATER);
    state.takes = Infinity;
    backlog.append(0, [line(4)], LATER);
    expect(values(state.text)).toEqual([1, 2, 3, 4]);
  }
});

it('gives a late line the time of its append', () => {
  const { state, backlog } = setup();
  state.takes = 0;
  backlog.append(0, [line(1)], LATER);
  state.takes = Infinity;
  backlog.append(0, [], LATER);
  expect(state.text).toBe(line(1).text.replace('1970-01-01T00:00:00.000Z', LATER));
});

it('drops a kept gauge for a newer one of its series, and no other line', () => {
  const { state, backlog } = setup();
  state.takes = 0;
  backlog.append(0, [line(1, 'x'), line(2, 'y'), line(3)], LATER);
  state.takes = Infinity;
  expect(backlog.append(0, [line(4, 'x')], LATER)).toEqual({ stored: 3, lost: 0 });
  expect(values(state.text)).toEqual([2, 3, 4]);
});

it('keeps no more than it may, and says what is lost', () => {
  const size = line(1).text.length;
  const { state, backlog } = setup(2 * size);
  state.takes = 0;
  expect(backlog.append(0, [line(1), line(2), line(3)], LATER)).toEqual({ stored: 0, lost: 1 });
  expect(backlog.append(1, [line(4)], LATER)).toEqual({ stored: 0, lost: 1 });
  expect(backlog.size).toBe(2);
  state.takes = Infinity;
  expect(backlog.append(0, [], LATER)).toEqual({ stored: 2, lost: 0 });
  state.takes = 0;
  expect(backlog.append(1, [line(5), line(6)], LATER)).toEqual({ stored: 0, lost: 0 });
});

it('tries a piece of what waits while there is no room, and stores all once there is, in order', () => {
  const { state, backlog } = setup();
  const lines = Array.from({ length: 5000 }, (_, value) => line(value));
  state.takes = 0;
  backlog.append(0, lines, LATER);
  state.offered = 0;
  expect(backlog.append(0, [line(5000)], LATER)).toEqual({ stored: 0, lost: 0 });
  expect(state.offered).toBeLessThan(100_000);
  // room for some pieces, and for a part of one
  state.takes = 200_000;
  const { stored } = backlog.append(0, [], LATER);
  expect(stored).toBeGreaterThan(1000);
  expect(backlog.size).toBe(5001 - stored);
  state.takes = Infinity;
  backlog.append(0, [line(5001)], LATER);
  expect(values(state.text)).toEqual(Array.from({ length: 5002 }, (_, value) => value));
});
