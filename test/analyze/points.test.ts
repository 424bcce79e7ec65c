import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { analyze, type AnalyzeOptions } from '../../src/analyze/index.js';
import { readHistory } from '../../src/archive/history.js';
import { Analyzer } from '../../src/analyze/analyzer.js';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { readRecords } from '../../src/store/reader.js';
import { liveName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';

const NOON = Date.UTC(2026, 10, 21, 12);

/** Few series of all kinds, so that each comes several times and takes turns with others. */
const anySeries: fc.Arbitrary<Omit<MetricRecord, 'time' | 'value'>> = fc.oneof(
  fc.record(
    {
      agent: fc.constantFrom('agent-1', 'agent-17', 'coder "x"'),
      metric: fc.constantFrom('a', 'b.c', 'target_info', 'cfn.metrics.dropped'),
      type: fc.constantFrom('gauge', 'counter', 'updowncounter'),
      unit: fc.constantFrom('ms', ''),
      attributes: fc.constantFrom({ phase: 'plan' }, { phase: 'run' }),
    },
    { requiredKeys: ['agent', 'metric'] },
  ),
  fc.record({
    agent: fc.constantFrom('agent-1', 'agent-2'),
    metric: fc.constantFrom('a', 'd'),
    type: fc.constantFrom('counter', 'updowncounter'),
    temporality: fc.constant('cumulative' as const),
    start: fc.constantFrom(NOON - 1000, NOON + 40),
    writer: fc.constantFrom('w1', 'w2'),
  }),
  fc.constant({
    ...({ agent: 'agent-1', metric: 'h', type: 'histogram', count: 3, sum: 6 } as const),
    ...{ bounds: [1, 2], counts: [1, 1, 1] },
  }),
);

const anyRecords = fc.array(
  fc.record({
    series: anySeries,
    time: fc.integer({ min: NOON, max: NOON + 100 }),
    value: fc.oneof(fc.integer({ min: -5, max: 100 }), fc.double(), fc.constantFrom(NaN, Infinity, 0.1)),
  }),
  { minLength: 1, maxLength: 60 },
);

const anyQuestion: fc.Arbitrary<AnalyzeOptions> = fc.record(
  {
    groupBy: fc.constantFrom<readonly ('agent' | 'shard' | `attr:${string}`)[]>(
      ['agent'],
      ['shard', 'attr:phase'],
      [],
    ),
    metrics: fc.constantFrom(['a'], ['*']),
    agents: fc.constantFrom(['agent-1'], [17, 'coder "x"']),
    since: fc.constant(NOON + 20),
    until: fc.constant(NOON + 80),
    stepMs: fc.constantFrom(1, 30),
  },
  { requiredKeys: [] },
);

describe('records that are handed over in parts', () => {
  it('give what records give, whatever is asked', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecords, anyQuestion, async (parts, question) => {
        const directory = temporaryDirectory();
        const lines = parts.map(({ series, time, value }) => formatRecord({ ...series, time, value }));
        // twice, so that every series is known to the reader once
        writeFileSync(join(directory, liveName(0)), [...lines, ...lines].join(''), { mode: 0o600 });
        const options = { ...question, shardOf: ({ agent }: MetricRecord) => agent.length };
        const expected = analyze([...readRecords({ directory })], options);
        expect(analyze(readRecords({ directory }), options)).toEqual(expected);
        const analyzer = new Analyzer(options);
        for await (const _ of readHistory({ directory }).feed(analyzer)) continue;
        expect(analyzer.analysis()).toEqual(expected);
      }),
    );
  });

  it('fold what there is no memory for as records do', () => {
    const directory = temporaryDirectory();
    const lines = Array.from({ length: 3000 }, (_, i) =>
      formatRecord({ time: NOON + i, agent: `agent-${i % 1500}`, metric: 'a', value: i }),
    );
    writeFileSync(join(directory, liveName(0)), lines.join(''), { mode: 0o600 });
    const options = { groupBy: ['agent'], maxMemoryBytes: 2 ** 20 } as const;
    const { groups, records } = analyze(readRecords({ directory }), options);
    expect(groups).toEqual(analyze([...readRecords({ directory })], options).groups);
    expect([records, groups.at(-1)?.attributes]).toEqual([3000, { 'otel.metric.overflow': 'true' }]);
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(3000);
  });
});
