import { MetricsError } from '../errors.js';
import { integerOption, shown, wordOption } from '../options.js';
import { type Rotation, ROTATIONS } from './rotation.js';
import type { ArchiveEvent } from './events.js';
import type { SegmentEntry } from './entry.js';

/**
 * A segment in the archive that is about to be deleted.
 *
 * @public
 */
export interface ArchivedSegment {
  /** Name of the segment, without `.gz`. */
  readonly name: string;
  /** Path of the compressed file. */
  readonly path: string;
  /** Why it is to go: its age, or because the archive is larger than it may be. */
  readonly reason: 'age' | 'size';
  /** Its manifest entry; null where that is lost, and the segment too damaged to make it anew. */
  readonly entry: SegmentEntry | null;
}

/**
 * What {@link createArchiver} can be told.
 *
 * @public
 */
export interface ArchiverOptions {
  /** Directory of the archive; it is created where it is missing. */
  readonly archive: string;
  /**
   * Directory of the shards. A named directory must exist.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Milliseconds between two syncs, at least 10.
   *
   * @defaultValue 300,000
   */
  readonly intervalMs?: number | undefined;
  /**
   * When shards are sealed.
   *
   * @defaultValue `'daily'`
   */
  readonly rotate?: Rotation | undefined;
  /**
   * Bytes from which on a shard is sealed before its time.
   *
   * @defaultValue no bound
   */
  readonly rotateBytes?: number | undefined;
  /**
   * Days that a segment is kept in the archive, beyond the day that it is about.
   *
   * @defaultValue 30
   */
  readonly retentionDays?: number | undefined;
  /**
   * Bytes that the archive may have: the oldest segments go when there are more.
   *
   * @defaultValue no bound
   */
  readonly maxArchiveBytes?: number | undefined;
  /**
   * Milliseconds that a segment stays in RAM after its last growth.
   *
   * @defaultValue 86,400,000, a day
   */
  readonly hotRetentionMs?: number | undefined;
  /**
   * Bytes that shards and segments in RAM should not exceed together.
   *
   * @defaultValue half of the RAM disk, at most 512 MiB
   */
  readonly maxHotBytes?: number | undefined;
  /**
   * Is asked before a segment is deleted from the archive, as to upload it: only when it returns, or its promise is
   * fulfilled, the segment goes. Otherwise it is asked again, later and later, up to an hour.
   *
   * @remarks
   * Its signal says that it has taken too long, or that the archiver closes: then it has a few seconds to end, and has
   * failed, whatever it returns. It is asked for one segment at a time, and nothing but the next deletion waits for it.
   */
  readonly beforeDelete?:
    ((segment: ArchivedSegment, signal: AbortSignal) => void | Promise<void>) | undefined;
  /**
   * Milliseconds that `beforeDelete` may take for a segment.
   *
   * @defaultValue 300,000
   */
  readonly beforeDeleteTimeoutMs?: number | undefined;
  /** Receives what happens. It may throw; nobody hears of it. */
  readonly onEvent?: ((event: ArchiveEvent) => void) | undefined;
  /**
   * Whether this process answers SIGUSR1 with {@link Archiver.requestSync} and SIGUSR2 with
   * {@link Archiver.requestRotation}. It is said in the lock file: `cfn-metrics archive --sync-now` sends no signal to a
   * process that it would kill.
   *
   * @defaultValue false
   */
  readonly signals?: boolean | undefined;
  /**
   * Whether to store metrics of the archiver itself in the shards while it runs.
   *
   * @defaultValue true
   */
  readonly metrics?: boolean | undefined;
  /**
   * Milliseconds between two looks at what is due, at least 10.
   *
   * @defaultValue 5000
   */
  readonly tickMs?: number | undefined;
  /**
   * Milliseconds for which a sealed file stays locked, so that every writer finds the new one.
   *
   * @defaultValue 2000
   */
  readonly holdMs?: number | undefined;
  /**
   * Milliseconds without growth after which a segment is finished.
   *
   * @defaultValue 60,000
   */
  readonly finishMs?: number | undefined;
  /**
   * Milliseconds without growth before which no segment leaves RAM, however full that is.
   *
   * @defaultValue 600,000
   */
  readonly hotFloorMs?: number | undefined;
  /** The clock, in Unix milliseconds; for tests and simulations. */
  readonly now?: (() => number) | undefined;
}

/** The options with their defaults. */
export interface Settings {
  readonly archive: string;
  readonly intervalMs: number;
  readonly rotate: Rotation;
  readonly rotateBytes: number | undefined;
  readonly retentionDays: number;
  readonly maxArchiveBytes: number | undefined;
  readonly beforeDeleteTimeoutMs: number;
  readonly hotRetentionMs: number;
  readonly maxHotBytes: number | undefined;
  readonly tickMs: number;
  readonly holdMs: number;
  readonly finishMs: number;
  readonly hotFloorMs: number;
}

/** Longer than any timer of Node can wait. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Reads the options.
 *
 * @throws MetricsError `ERR_METRICS_OPTION`
 */
export function readOptions(options: ArchiverOptions): Settings {
  const { archive } = options;
  // JavaScript callers may leave it out.
  if (typeof (archive as unknown) !== 'string' || archive === '') {
    throw new MetricsError('ERR_METRICS_OPTION', `archive must be a path, got ${shown(archive)}`);
  }
  const ms = (name: keyof ArchiverOptions, fallback: number, min: number): number =>
    integerOption(name, options[name], fallback, { min, max: MAX_TIMER_MS });
  return {
    archive,
    intervalMs: ms('intervalMs', 300_000, 10),
    rotate: wordOption('rotate', options.rotate, 'daily', ROTATIONS),
    rotateBytes: bytes('rotateBytes', options.rotateBytes),
    retentionDays: integerOption('retentionDays', options.retentionDays, 30, { min: 1, max: 100_000 }),
    maxArchiveBytes: bytes('maxArchiveBytes', options.maxArchiveBytes),
    beforeDeleteTimeoutMs: ms('beforeDeleteTimeoutMs', 300_000, 1),
    hotRetentionMs: integerOption('hotRetentionMs', options.hotRetentionMs, 86_400_000, { min: 0 }),
    maxHotBytes: bytes('maxHotBytes', options.maxHotBytes),
    tickMs: ms('tickMs', 5000, 10),
    holdMs: ms('holdMs', 2000, 0),
    finishMs: ms('finishMs', 60_000, 0),
    hotFloorMs: ms('hotFloorMs', 600_000, 0),
  };
}

function bytes(name: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : integerOption(name, value, 0, { min: 1 });
}
