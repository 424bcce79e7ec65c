import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { isPosition, type Position } from './position.js';

/**
 * What {@link followRecords} can be told; every field is optional.
 *
 * @public
 */
export interface TailOptions {
  /**
   * Directory of the shards. A named directory must exist when following begins, and may vanish and come back later.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Where to begin: `end` with what comes from now on, `start` with all there is, Unix milliseconds, or the
   * {@link Tail.position} of an earlier one, which the consumer kept. One of another boot says nothing: then everything
   * is read. What `positionFile` says goes before all of these.
   *
   * @defaultValue `'end'`
   */
  readonly from?: 'start' | 'end' | number | Position | undefined;
  /**
   * File in which the position is kept, so that a restart goes on where this one ended. It is written when following
   * begins, at most once a second while records are handed out, and at the end.
   *
   * @defaultValue none
   */
  readonly positionFile?: string | undefined;
  /**
   * Milliseconds between two looks, 10 to 60,000.
   *
   * @defaultValue 200
   */
  readonly pollMs?: number | undefined;
  /** Ends following: the iteration is done, nothing is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Where following begins. */
export type From = NonNullable<TailOptions['from']>;

/**
 * Reads where to begin.
 *
 * @throws MetricsError `ERR_METRICS_OPTION`
 */
export function fromOption(from: unknown): From {
  if (from === undefined) return 'end';
  if (from === 'start' || from === 'end' || (typeof from === 'number' && Number.isFinite(from))) return from;
  if (isPosition(from)) return from;
  throw new MetricsError(
    'ERR_METRICS_OPTION',
    `from must be 'start', 'end', Unix milliseconds or a position, got ${shown(from)}`,
  );
}
