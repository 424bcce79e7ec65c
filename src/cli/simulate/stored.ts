import { createReadStream } from 'node:fs';
import { parseRecord } from '../../parse.js';
import { DROPPED } from '../../record.js';
import { openSegments } from '../../store/segments.js';
import type { Destination } from './commands.js';
import { splitLines } from './lines.js';

/** What is in a shard. */
export interface StoredShard {
  readonly shard: number;
  readonly agents: number;
  readonly records: number;
}

/** What a simulation left in the shards. */
export interface Stored {
  readonly records: number;
  readonly bytes: number;
  readonly agents: number;
  /** All shards, also empty ones. */
  readonly shards: readonly StoredShard[];
  /** What agents reported as lost, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/**
 * Counts the records of a simulation, where they are.
 *
 * @param since - Unix milliseconds before which there is none of them.
 */
export async function countStored({ directory, shards, run }: Destination, since: number): Promise<Stored> {
  const found = Array.from({ length: shards }, () => ({ agents: new Set<string>(), records: 0 }));
  const dropped: Record<string, number> = {};
  let bytes = 0;
  for (const { shard, fd } of openSegments(directory, [])) {
    const inShard = (found[shard] ??= { agents: new Set(), records: 0 });
    for await (const lines of splitLines(createReadStream('', { fd, start: 0 }))) {
      for (const line of lines) {
        if (!line.includes(run) && !line.includes(DROPPED)) continue;
        const record = parseRecord(line);
        if (record === undefined || record.time < since) continue;
        const { metric, agent, value, attributes } = record;
        if (metric === DROPPED) {
          const reason = String(attributes?.['reason']);
          dropped[reason] = (dropped[reason] ?? 0) + value;
        }
        if (attributes?.['run'] !== run) continue;
        inShard.agents.add(agent);
        inShard.records += 1;
        bytes += Buffer.byteLength(line) + 1;
      }
    }
  }
  return {
    records: found.reduce((sum, { records }) => sum + records, 0),
    bytes,
    agents: new Set(found.flatMap(({ agents }) => [...agents])).size,
    shards: found.map(({ agents, records }, shard) => ({ shard, agents: agents.size, records })),
    dropped,
  };
}
