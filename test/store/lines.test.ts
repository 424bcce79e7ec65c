import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRecord, type MetricRecord, START_TEXT } from '../../src/record.js';
import { CHUNK_BYTES, LineDecoder } from '../../src/store/lines.js';
import { anyRecord } from '../support/arbitrary.js';

function record(value: number, extra: Partial<MetricRecord> = {}): string {
  return formatRecord({ time: 0, agent: 'agent-1', metric: 'm', value, ...extra });
}

function decode(text: string | Buffer) {
  const decoder = new LineDecoder();
  const records: MetricRecord[] = [];
  const done = decoder.decode(Buffer.from(text), false, records);
  return { values: records.map(({ value }) => value), done, counts: decoder.counts };
}

describe('decoding', () => {
  it('takes whole lines only, and says where they end', () => {
    const text = record(1) + record(2);
    expect(decode(text + record(3).slice(0, -1))).toEqual({
      values: [1, 2],
      done: text.length,
      counts: { records: 2, torn: 0, foreign: 0 },
    });
    expect(decode('')).toMatchObject({ values: [], done: 0 });
  });

  it('saves the neighbour of a torn record, wherever it was cut', () => {
    const torn = Buffer.from(record(1, { unit: '日本', attributes: { timestamp: 'é"\\', a: START_TEXT } }));
    for (let cut = 1; cut < torn.length; cut += 1) {
      const { values, counts } = decode(
        Buffer.concat([torn.subarray(0, cut), Buffer.from(record(2) + record(3))]),
      );
      expect(values).toEqual([2, 3]);
      expect(counts.torn + counts.foreign).toBe(1);
      expect(counts.torn).toBe(cut < START_TEXT.length ? 0 : 1);
    }
  });

  it('does not take a record without its newline, even if nothing else is missing', () => {
    // Its writer was told that it was not stored, and may have stored it again.
    expect(decode(record(1).slice(0, -1) + record(1))).toMatchObject({
      values: [1],
      counts: { records: 1, torn: 1 },
    });
  });

  it('counts several torn records in one line', () => {
    const text = record(1).slice(0, 40) + record(2).slice(0, 60) + record(3);
    expect(decode(text)).toMatchObject({ values: [3], counts: { records: 1, torn: 2, foreign: 0 } });
  });

  it('counts foreign lines, and saves a record behind foreign text', () => {
    expect(decode(`hello\n\n{"a":1}\n${record(1)}\u0000\u0000${record(2)}`)).toMatchObject({
      values: [1, 2],
      counts: { records: 2, torn: 0, foreign: 3 },
    });
  });

  it('takes a line of foreign bytes for one foreign line', () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x80, 0x0a]), Buffer.from(record(1))]);
    expect(decode(bytes)).toMatchObject({ values: [1], counts: { foreign: 1 } });
  });

  it('passes by a line that is longer than a chunk, and takes the record glued to it', () => {
    const decoder = new LineDecoder();
    const records: MetricRecord[] = [];
    const file = Buffer.from(`${'x'.repeat(3 * CHUNK_BYTES - 50)}${record(1)}${record(2)}`);
    let offset = 0;
    for (let done = 1; done > 0; offset += done) {
      const chunk = file.subarray(offset, offset + CHUNK_BYTES);
      done = decoder.decode(chunk, chunk.length === CHUNK_BYTES, records);
    }
    expect(records.map(({ value }) => value)).toEqual([1, 2]);
    expect(offset).toBe(file.length);
    expect(decoder.counts.foreign).toBeGreaterThan(0);
  });

  it('gives every record back, however the bytes are cut into chunks', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 8 }), sizes, (records, steps) => {
        const file = Buffer.from(records.map(formatRecord).join(''));
        const decoder = new LineDecoder();
        const decoded: MetricRecord[] = [];
        let offset = 0;
        let end = 0;
        for (let i = 0; end < file.length; i += 1) {
          end = Math.min(file.length, end + (steps[i % steps.length] ?? 1));
          offset += decoder.decode(file.subarray(offset, end), false, decoded);
        }
        expect(decoded.map(formatRecord)).toEqual(records.map(formatRecord));
      }),
    );
  });
});
