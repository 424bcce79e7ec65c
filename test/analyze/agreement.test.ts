import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/analyze/index.js';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { readRecords } from '../../src/store/reader.js';
import { liveName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';
import { has, IN_CI } from '../support/tools.js';

const NOON = Date.UTC(2026, 10, 21, 12);
/** Where they must be there, a missing tool fails the test instead of skipping it. */

/** What every tool is asked for, by metric and agent. */
interface Row {
  readonly metric: string;
  readonly agent: string;
  readonly count: number;
  readonly sum: number;
  readonly avg: number;
  readonly min: number;
  readonly max: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
}

/** Shards with some thousand values of every kind of number that JSON has; the same in each run. */
function shards(): string {
  const directory = temporaryDirectory();
  let seed = 7;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const metrics: Record<string, () => number> = {
    time_ms: () => Math.round(200 * Math.exp(4 * random())),
    ratio: () => Number((1 - random() ** 4).toFixed(4)),
    balance: () => (random() - 0.5) * 10 ** Math.round(6 * random()),
    constant: () => 0.1,
  };
  for (let shard = 0; shard < 4; shard += 1) {
    const records: MetricRecord[] = [];
    for (let i = 0; i < 1000; i += 1) {
      for (const [metric, value] of Object.entries(metrics)) {
        records.push({ time: NOON + i, agent: `agent-${shard}`, metric, value: value() });
      }
    }
    writeFileSync(join(directory, liveName(shard)), records.map(formatRecord).join(''), { mode: 0o600 });
  }
  return directory;
}

function ours(directory: string): Row[] {
  const { groups } = analyze(readRecords({ directory }), { groupBy: ['agent'], quantiles: [0.999] });
  return groups.map(({ metric, agent, count, sum, avg, min, max, stddev, p50, p90, p99, quantiles }) => {
    const p999 = quantiles['0.999'];
    return { metric, agent, count, sum, avg, min, max, stddev, p50, p90, p99, p999 } as Row;
  });
}

function byJq(directory: string): Row[] {
  const program = `
    def q(p): ((length - 1) * p) as $h | ($h | floor) as $i | .[$i] as $a | (.[$i + 1] // $a) as $b | ($h - $i) as $t
      | if $t < 0.5 then $a + ($b - $a) * $t else $b - ($b - $a) * (1 - $t) end;
    group_by([.metric, .agent]) | map({ metric: .[0].metric, agent: .[0].agent } + (map(.value) | sort
      | (add / length) as $avg | { count: length, sum: add, avg: $avg, min: .[0], max: .[-1],
          stddev: (map((. - $avg) * (. - $avg)) | add / length | sqrt),
          p50: q(0.5), p90: q(0.9), p99: q(0.99), p999: q(0.999) }))`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'cat "$1"/*.jsonl | jq -s "$2"', 'sh', directory, program],
    {
      encoding: 'utf8',
    },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Row[];
}

async function byDuckDb(directory: string): Promise<Row[] | undefined> {
  const duckdb = await import('@duckdb/node-api').catch((error: unknown) => {
    if (IN_CI) throw error;
  });
  if (duckdb === undefined) return undefined;
  const connection = await (await duckdb.DuckDBInstance.create(':memory:')).connect();
  const quantiles = [0.5, 0.9, 0.99, 0.999].map(
    (q) => `quantile_cont(value, ${q}) AS p${String(q).slice(2).padEnd(2, '0')}`,
  );
  const reader = await connection.runAndReadAll(`
    SELECT metric, agent, count(*)::INTEGER AS count, fsum(value) AS sum, favg(value) AS avg,
      min(value) AS min, max(value) AS max, stddev_pop(value) AS stddev, ${quantiles.join(', ')}
    FROM read_json('${directory}/*.jsonl', format = 'newline_delimited',
      columns = { metric: 'VARCHAR', agent: 'VARCHAR', value: 'DOUBLE' })
    GROUP BY metric, agent ORDER BY metric, agent`);
  const rows = reader.getRowObjectsJS() as unknown as Row[];
  connection.closeSync();
  return rows;
}

/**
 * Bit by bit where nothing is added up, and within what adding rounds away where something is.
 *
 * @param rounding - By what part of it an interpolated quantile may differ.
 */
function expectSame(mine: readonly Row[], theirs: readonly Row[], rounding: number): void {
  expect(mine).toHaveLength(16);
  expect(theirs).toHaveLength(16);
  for (const [i, { sum, avg, stddev, p50, p90, p99, p999, ...exact }] of mine.entries()) {
    const row = theirs[i]!;
    expect(row).toMatchObject(exact);
    for (const [name, value] of Object.entries({ p50, p90, p99, p999 })) {
      const off = Math.abs(value - row[name as 'p50']);
      expect(off).toBeLessThanOrEqual(Math.abs(value) * rounding);
    }
    const size = Math.max(Math.abs(exact.min), Math.abs(exact.max));
    expect(Math.abs(sum - row.sum)).toBeLessThanOrEqual(size * exact.count * 1e-13);
    expect(Math.abs(avg - row.avg)).toBeLessThanOrEqual(size * 1e-13);
    expect(Math.abs(stddev - row.stddev)).toBeLessThanOrEqual(size * 1e-10);
  }
}

describe('the same files say the same', () => {
  it.skipIf(!has('jq'))('to jq', () => {
    const directory = shards();
    expectSame(ours(directory), byJq(directory), 0);
  });

  it('to DuckDB', async ({ skip }) => {
    const directory = shards();
    const theirs = await byDuckDb(directory);
    if (theirs === undefined) return skip('DuckDB is not installed');
    // It interpolates from the lower end only, and we from the nearer one, as numpy does.
    expectSame(ours(directory), theirs, 2 ** -51);
  });
});
