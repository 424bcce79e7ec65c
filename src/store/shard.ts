import { agentNumber } from '../record.js';

/** A live shard file: `cfn-metrics-7.jsonl`. */
const LIVE = /^cfn-metrics-(0|[1-9][0-9]{0,3})\.jsonl$/;
/** A sealed segment: `cfn-metrics-20261121-7.jsonl`, and `.1`, `.2`, … for further ones of that day. */
const SEALED = /^cfn-metrics-([0-9]{8})-(0|[1-9][0-9]{0,3})(?:\.([1-9][0-9]*))?\.jsonl$/;

/** What a file's name says about it. */
export interface SegmentName {
  readonly name: string;
  readonly shard: number;
  /** UTC date of a sealed segment, `YYYYMMDD`; undefined for a live file. */
  readonly date?: string | undefined;
  /** 0 for the first segment of its day. */
  readonly sequence: number;
}

/**
 * Picks the shard of an agent.
 *
 * @param id - The agent's id in its stored form; see {@link agentId}.
 * @param count - Number of shards.
 * @returns `N mod count` for `agent-N`; for any other id its 32-bit FNV-1a hash mod count.
 */
export function shardOf(id: string, count: number): number {
  return (agentNumber(id) ?? fnv1a(id)) % count;
}

/** 32-bit FNV-1a over UTF-8 bytes: http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Name of the live file of a shard. */
export function liveName(shard: number): string {
  return `cfn-metrics-${shard}.jsonl`;
}

/** Name of a sealed segment. */
export function sealedName(date: string, shard: number, sequence: number): string {
  return `cfn-metrics-${date}-${shard}${sequence === 0 ? '' : `.${sequence}`}.jsonl`;
}

/** Reads a file's name; undefined where it is none of ours. */
export function parseName(name: string): SegmentName | undefined {
  const live = LIVE.exec(name);
  if (live !== null) return { name, shard: Number(live[1]), sequence: 0 };
  const sealed = SEALED.exec(name);
  if (sealed === null) return undefined;
  return { name, shard: Number(sealed[2]), date: sealed[1], sequence: Number(sealed[3] ?? 0) };
}
