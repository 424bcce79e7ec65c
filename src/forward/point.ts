import type { Attributes } from '../attributes.js';
import type { MetricRecord, RecordType } from '../record.js';

/**
 * What is told to a backend: one value of one series at one time. A record in all but two things: its agent may be gone,
 * where agents were added up, and what it adds up may be many records.
 *
 * @remarks
 * `time` is the end of what it tells of. A sum or a histogram has a `start`, and is cumulative where `temporality` says
 * so: the total since its start, which never changes. Otherwise it is what came in between, and its start is the time of
 * the point before it.
 *
 * @public
 */
export interface Point extends Omit<MetricRecord, 'agent' | 'type' | 'attributes' | 'writer'> {
  /** Kind of the point. */
  readonly type: RecordType;
  /** Stored form of the agent; undefined where the point is of all agents. */
  readonly agent?: string | undefined;
  /** What tells series of one metric apart, without the agent. */
  readonly attributes: Attributes;
}
