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
