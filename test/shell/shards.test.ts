import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentId } from '../../src/record.js';
import { shardOf } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';
import { bash, german, storedRecords } from './bash.js';

interface Vector {
  readonly input: string;
  readonly agent: string;
  readonly shards: Readonly<Record<string, number>>;
}

// Computed in Python, from the words of the contract and the published FNV-1a constants, by neither implementation.
const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/shard-vectors.json'), 'utf8'),
) as Vector[];

const ASK = 'for agent; do get_metrics_shard "$agent"; done';

describe('get_metrics_shard', () => {
  it.each(['16', '7', '1'])('agrees with the vectors for %s shards', (count) => {
    const env = { CFN_METRICS_SHARDS: count, CFN_METRICS_STRICT: '1' };
    const { stdout, stderr } = bash(ASK, { args: vectors.map(({ input }) => input), env });
    expect(stderr).toBe('');
    expect(stdout.split('\n').slice(0, -1).map(Number)).toEqual(vectors.map(({ shards }) => shards[count]));
  });

  it('gives the same answers in a German locale and when asked twice', () => {
    const args = vectors.map(({ input }) => input);
    const { stdout } = bash(ASK, { args: [...args, ...args], env: german() });
    const expected = vectors.map(({ shards }) => shards['16']);
    expect(stdout.split('\n').slice(0, -1).map(Number)).toEqual([...expected, ...expected]);
  });

  it('says nothing but one line for what is no agent', () => {
    const bad = ['', 'x'.repeat(129), 'a\tb', 'a\nb', '\u007f', '\u0085', '🚀'.repeat(65)];
    for (const agent of bad) {
      const { status, stdout, stderr } = bash('get_metrics_shard "$1"', { args: [agent] });
      expect([status, stdout]).toEqual([0, '']);
      expect(stderr).toMatch(/^get_metrics_shard: agent must be .*\n$/);
    }
  });
});

describe('the shards of bash', () => {
  it('are those of TypeScript', () => {
    for (const { input, agent, shards } of vectors) {
      expect(agentId(input)).toBe(agent);
      for (const [count, shard] of Object.entries(shards)) expect(shardOf(agent, Number(count))).toBe(shard);
    }
  });

  it('hold each agent under its stored name', () => {
    const directory = temporaryDirectory();
    const args = vectors.map(({ input }) => input);
    bash('for agent; do emit_metric "$agent" x 1; done', { args, env: { CFN_METRICS_DIR: directory } });
    const stored = storedRecords(directory).map(({ agent }) => agent);
    expect(stored.sort()).toEqual(vectors.map(({ agent }) => agent).sort());
  });
});
