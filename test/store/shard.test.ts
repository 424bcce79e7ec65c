import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { agentId } from '../../src/record.js';
import { liveName, parseName, sealedName, shardOf } from '../../src/store/shard.js';

interface Vector {
  readonly input: string;
  readonly agent: string;
  readonly shards: Readonly<Record<string, number>>;
}

const vectorFile = new URL('../fixtures/shard-vectors.json', import.meta.url);

it('puts agents into the shards that bash puts them into', () => {
  expect(existsSync(vectorFile)).toBe(true);
  const vectors = JSON.parse(readFileSync(vectorFile, 'utf8')) as Vector[];
  expect(vectors.length).toBeGreaterThan(20);
  for (const { input, agent, shards } of vectors) {
    expect(agentId(input)).toBe(agent);
    for (const [count, shard] of Object.entries(shards))
      expect([input, shardOf(agent, Number(count))]).toEqual([input, shard]);
  }
});

it('hashes names as FNV-1a is published', () => {
  // http://www.isthe.com/chongo/src/fnv/test_fnv.c
  expect(shardOf('a', 2 ** 32)).toBe(0xe40c292c);
  expect(shardOf('foobar', 2 ** 32)).toBe(0xbf9cf968);
});

it('reads back the names that it makes', () => {
  expect(parseName(liveName(7))).toEqual({ name: 'cfn-metrics-7.jsonl', shard: 7, sequence: 0 });
  expect(parseName(sealedName('20261121', 15, 0))).toEqual({
    name: 'cfn-metrics-20261121-15.jsonl',
    shard: 15,
    date: '20261121',
    sequence: 0,
  });
  expect(parseName(sealedName('20261121', 0, 12))).toMatchObject({
    shard: 0,
    date: '20261121',
    sequence: 12,
  });
});

it.each([
  'cfn-metrics-.jsonl',
  'cfn-metrics-007.jsonl',
  'cfn-metrics-1.jsonl.tmp',
  'cfn-metrics-20261121-1.0.jsonl',
  'cfn-metrics-20261121.jsonl',
  'xcfn-metrics-1.jsonl',
  'cfn-metrics-1.jsonl\n',
])('does not take %j for one of its files', (name) => {
  expect(parseName(name)).toBeUndefined();
});

/** Names as people and programs give them, 100,000 different ones of each kind. */
const NAMES: readonly (readonly [string, (i: number) => string])[] = [
  ['coder-0, coder-1, …', (i) => `coder-${i}`],
  ['worker-00000, worker-00001, …', (i) => `worker-${String(i).padStart(5, '0')}`],
  ['host-7-1234, a name and a pid', (i) => `host-${i % 100}-${1000 + Math.floor(i / 100)}`],
  ['ids in base 36', (i) => `task_${(i * 7919).toString(36)}`],
  ['UUIDs', (i) => uuid(i)],
];

/** As a version 4 has it, but always the same. */
function uuid(i: number): string {
  const hex = createHash('sha256').update(`${i}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

it.each(NAMES)('spreads names evenly over 16 shards: %s', (_, name) => {
  const counts = new Array<number>(16).fill(0);
  const names = new Set<string>();
  for (let i = 0; i < 100_000; i += 1) {
    names.add(name(i));
    counts[shardOf(agentId(name(i)), 16)]! += 1;
  }
  expect(names.size).toBe(100_000);
  const expected = 100_000 / 16;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // Pearson's test: with 15 degrees of freedom chance alone exceeds 37.70 once in a thousand times,
  // https://www.itl.nist.gov/div898/handbook/eda/section3/eda3674.htm
  expect(chiSquare).toBeLessThan(37.7);
});

it('spreads numbered agents within one over the shards', () => {
  for (const [agents, shards] of [
    [500, 16],
    [1000, 16],
    [17, 5],
  ] as const) {
    const counts = new Array<number>(shards).fill(0);
    for (let agent = 0; agent < agents; agent += 1) counts[shardOf(agentId(agent), shards)]! += 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
});
