import type { MetricRecord } from '../../src/record.js';

/**
 * Cumulative counters and histograms as what each point has more than the one before it, worked out the slow way.
 *
 * Points that nothing is known of are left out.
 *
 * @param records - In the order they came.
 * @param seen - Those whose time tells since when all was seen.
 */
export function deltasOf(records: readonly MetricRecord[], seen: ReadonlySet<MetricRecord>): MetricRecord[] {
  const deltas: MetricRecord[] = [];
  records.forEach((record, i) => {
    const { type, temporality, start = -Infinity } = record;
    if (
      temporality === undefined ||
      (type !== 'counter' && type !== 'histogram') ||
      (type === 'counter' && Number.isNaN(record.value))
    ) {
      deltas.push({ ...record, temporality: undefined });
      return;
    }
    const earlier = records.slice(0, i);
    const before = earlier.findLast((other) => isOfStream(other, record));
    const times = [...earlier, record].filter((other) => seen.has(other)).map(({ time }) => time);
    const whole = start >= Math.min(...times);
    if (before === undefined && !whole) return;
    const delta = subtract(record, before);
    if (delta !== undefined) deltas.push({ ...delta, temporality: undefined });
  });
  return deltas;
}

function isOfStream(a: MetricRecord, b: MetricRecord): boolean {
  if (a.type === 'counter' && Number.isNaN(a.value)) return false;
  const keys = ['metric', 'type', 'agent', 'writer', 'start', 'temporality'] as const;
  return keys.every((key) => a[key] === b[key]) && (a.unit ?? '') === (b.unit ?? '');
}

function subtract(record: MetricRecord, before: MetricRecord | undefined): MetricRecord | undefined {
  if (before === undefined) return record;
  if (record.type === 'counter') {
    return record.value < before.value ? undefined : { ...record, value: record.value - before.value };
  }
  return {
    ...record,
    count: record.count! - before.count!,
    sum: record.sum! - before.sum!,
    counts: record.counts!.map((count, i) => count - before.counts![i]!),
  };
}
