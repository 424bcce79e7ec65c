import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { MetricRecord } from '../record.js';
import type { Position } from '../store/position.js';
import { parseName } from '../store/shard.js';
import type { Tail, TailBatch } from '../store/tail.js';

/** Longer than this the event loop is not held up. */
const SLICE_MS = 10;

/** How many of the records behind an offset were handled already. */
export interface Skip {
  /** Device and inode of the file. */
  readonly file: string;
  readonly start: number;
  readonly records: number;
}

/** Where the shards were read to. */
export interface InStepPosition {
  readonly position: Position;
  readonly skips: readonly Skip[];
}

/** What came of a look at the shards. */
export interface Look {
  /** Time of the oldest record that was held back; Infinity where none was. */
  readonly earliest: number;
  /** Whether it was ended before all was read that it was to read. */
  readonly cut: boolean;
}

/** A batch that goes on behind the time that was asked for. */
interface Held {
  readonly batch: TailBatch;
  /** Records that were handled. */
  done: number;
}

/**
 * Reads all shards in step: up to one time, and no file further than the batch in which it passes that time.
 *
 * @remarks
 * Files stand by themselves, each nearly in order of time, and after an outage each holds hours. One that was read to its
 * end before the next is begun would have told hours of some agents before a second of the others. Of each shard one
 * batch is held at most, so that memory does not depend on how much there is to read.
 */
export class InStepReader {
  readonly #tail: Tail;
  readonly #now: () => number;
  readonly #held = new Map<number, Held>();
  readonly #skips: Map<string, Skip>;

  constructor(tail: Tail, skips: readonly Skip[], now: () => number) {
    this.#tail = tail;
    this.#now = now;
    this.#skips = new Map(skips.map((skip) => [skip.file, skip]));
  }

  /**
   * Hands out what is older than a time.
   *
   * @param until - Unix milliseconds. What claims to be from the future is handed out at once, whatever it says.
   * @param handle - Receives records in the order of their file.
   * @param isFull - Whether nothing more may be handed out now.
   */
  async take(
    until: number,
    handle: (records: readonly MetricRecord[]) => void,
    isFull: () => boolean,
  ): Promise<Look> {
    for (const [shard, held] of this.#held) {
      if (isFull()) break;
      if (this.#release(held, until, handle)) this.#held.delete(shard);
    }
    let slice = performance.now();
    const wanted = (name: string): boolean => !isFull() && !this.#held.has(shardOf(name));
    for (const batch of this.#tail.poll(wanted)) {
      const held = { batch, done: this.#skipped(batch) };
      if (!this.#release(held, until, handle)) this.#held.set(shardOf(batch.name), held);
      if (performance.now() - slice < SLICE_MS) continue;
      await yieldToOthers();
      slice = performance.now();
    }
    let earliest = Infinity;
    for (const { batch, done } of this.#held.values()) {
      earliest = Math.min(earliest, batch.records[done]!.time);
    }
    return { earliest, cut: isFull() };
  }

  /** Where it is: behind every record that was handed out, and behind no other one. */
  position(): InStepPosition {
    const held = [...this.#held.values()];
    const offsets = new Map(held.map(({ batch }) => [batch.file, batch.start]));
    const skips = held.map(({ batch: { file, start }, done }) => ({ file, start, records: done }));
    return { position: this.#tail.positionAt(offsets), skips: skips.filter(({ records }) => records > 0) };
  }

  /** Hands out what of a batch is older; whether that was all of it. */
  #release(held: Held, until: number, handle: (records: readonly MetricRecord[]) => void): boolean {
    const { batch, done } = held;
    const { records } = batch;
    const now = this.#now();
    let end = done;
    while (end < records.length && !(records[end]!.time >= until && records[end]!.time <= now)) end += 1;
    if (end > done) handle(done === 0 && end === records.length ? records : records.slice(done, end));
    held.done = end;
    return end === records.length;
  }

  /** How much of a batch was handled before a restart. */
  #skipped({ file, start, records }: TailBatch): number {
    const skip = this.#skips.get(file);
    this.#skips.delete(file);
    // Only the batch that begins where that one began has these records in front.
    return skip?.start === start ? Math.min(skip.records, records.length) : 0;
  }
}

function shardOf(name: string): number {
  return parseName(name)?.shard ?? 0;
}
