/**
 * What a {@link Forwarder} tells of its work.
 *
 * @public
 */
export type ForwardEvent =
  /** An interval, or a part of a large one, was accepted as a whole. `until` is its end, `bytes` what was sent. */
  | {
      readonly type: 'forwarded';
      readonly backend: string;
      readonly points: number;
      readonly requests: number;
      readonly bytes: number;
      readonly until: number;
    }
  /** A request failed, and is made again after so long. */
  | {
      readonly type: 'retry';
      readonly backend: string;
      readonly reason: string;
      readonly retryMs: number;
      readonly points: number;
    }
  /** Points were refused for good: those of a request, which are in the dead-letter file, or a part of an accepted one, which nobody names. */
  | {
      readonly type: 'refused';
      readonly backend: string;
      readonly reason: string;
      readonly points: number;
      /** The dead-letter file; undefined where the backend did not say which points it refused. */
      readonly file: string | undefined;
    }
  /** Points are older, or further in the future, than the backend takes, and were not sent. Told once. */
  | { readonly type: 'tooOld'; readonly backend: string; readonly points: number; readonly oldest: number }
  /** The backend has no form for points, a NaN, a name that is too long, or could not tell them from others. Told once a reason. */
  | {
      readonly type: 'untold';
      readonly backend: string;
      readonly points: number;
      /** Of the first of them. */
      readonly reason: string;
    }
  /** Files were deleted before all of them was read. `bytes` is what is known to be missing. */
  | {
      readonly type: 'lost';
      readonly backend: string;
      readonly files: number;
      readonly bytes: number;
      readonly reason: string;
    }
  /** Something else went wrong; it goes on. */
  | { readonly type: 'error'; readonly backend: string; readonly message: string };

/** An event before it is said whose it is. */
export type ForwardNews = ForwardEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'backend'>
    : never
  : never;

/**
 * Receives what a {@link Forwarder} tells.
 *
 * @public
 */
export type ForwardListener = (event: ForwardEvent) => void;

/**
 * What a {@link Forwarder} did since it was made.
 *
 * @public
 */
export interface ForwarderStats {
  /** Points that were accepted. */
  readonly points: number;
  /** Requests that were accepted. */
  readonly requests: number;
  /** Bytes of those requests, as they were sent. */
  readonly bytes: number;
  /** Attempts that failed and were made again. */
  readonly retries: number;
  /** Points of requests that were refused for good; they are in the dead-letter file as far as there was room. */
  readonly deadLettered: number;
  /** Points that the backend refused of requests that it accepted. */
  readonly partiallyRefused: number;
  /** Points outside of the age window of the backend, which were not sent. */
  readonly tooOld: number;
  /** Points that the backend has no form for, or could not tell from others, which were not sent. */
  readonly untold: number;
  /** Files that were deleted before all of them was read. */
  readonly lostFiles: number;
  /** Bytes of them that are known to be missing. */
  readonly lostBytes: number;
  /** Records that were read. */
  readonly records: number;
  /** Records that were cut off: their writer was killed, or the file system was full. */
  readonly torn: number;
  /** Records that could not be added: see `refused` of {@link ProducerStats}. */
  readonly refused: number;
  /** Series that are kept apart. */
  readonly series: number;
  /** Records that were added to an overflow series. */
  readonly overflowed: number;
  /** Points that wait to be accepted. */
  readonly waiting: number;
  /**
   * How long ago that was up to which everything is accepted, in milliseconds. Where nothing was accepted yet, also after a
   * restart while the backend is away, the age of the oldest point that waits, and before there is one the time since
   * the start; null before that.
   */
  readonly lagMs: number | null;
}
