import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import type { Point } from './point.js';

const OPEN = 0x30;
const DONE = 0x31;

/**
 * The points that are told now, and which of them are done with: in memory, and for the next run in a file.
 *
 * @remarks
 * Each point has a mark of its own, for what a request told need not lie together: a backend may make several requests of
 * the same points, and each of them may have to be halved. The file is the name of the outbox and a line of marks, a digit
 * a point. Those of one request are one write, so that a kill repeats no other.
 */
export class Outbox {
  readonly id: string;
  readonly points: readonly Point[];
  readonly #path: string;
  readonly #marks: Buffer;
  /** What was taken and is not done with, by its place. */
  readonly #taken = new Map<Point, number>();
  /** Behind what was taken. */
  #next = 0;
  #waiting: number;
  /** Whether the file is of these points, and which of its marks are not as they are here. */
  #isFiled = false;
  #unfiledFrom = Infinity;
  #unfiledTo = 0;

  /** @param path - The file; what it says of these points, an earlier run has done. */
  constructor(path: string, id: string, points: readonly Point[]) {
    this.id = id;
    this.points = points;
    this.#path = path;
    this.#marks = Buffer.alloc(points.length, OPEN);
    if (points.length > 0) this.#load();
    this.#waiting = this.#marks.reduce((sum, mark) => (mark === DONE ? sum : sum + 1), 0);
  }

  /** Points that are not done with. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The first points that are not done with. */
  take(most: number): readonly Point[] {
    for (; this.#taken.size < most && this.#next < this.points.length; this.#next += 1) {
      if (this.#marks[this.#next] !== DONE) this.#taken.set(this.points[this.#next]!, this.#next);
    }
    return [...this.#taken.keys()].slice(0, most);
  }

  /** Is done with points that were taken. */
  settle(points: readonly Point[]): void {
    for (const point of points) {
      const at = this.#taken.get(point);
      if (at === undefined) continue;
      this.#taken.delete(point);
      this.#marks[at] = DONE;
      this.#waiting -= 1;
      this.#unfiledFrom = Math.min(this.#unfiledFrom, at);
      this.#unfiledTo = Math.max(this.#unfiledTo, at + 1);
    }
    if (this.#unfiledFrom < this.#unfiledTo) this.#save();
  }

  #load(): void {
    let file: Buffer;
    try {
      file = readFileSync(this.#path);
    } catch {
      return;
    }
    const head = this.#head();
    if (!file.subarray(0, head.length).equals(head)) return;
    this.#isFiled = true;
    file.copy(this.#marks, 0, head.length);
  }

  #save(): void {
    const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_TRUNC } = constants;
    try {
      const fd = openSync(this.#path, O_WRONLY | O_CREAT | O_NOFOLLOW | (this.#isFiled ? 0 : O_TRUNC), 0o600);
      try {
        const head = this.#head();
        if (this.#isFiled) {
          const marks = this.#marks.subarray(this.#unfiledFrom, this.#unfiledTo);
          writeSync(fd, marks, 0, marks.length, head.length + this.#unfiledFrom);
        } else writeSync(fd, Buffer.concat([head, this.#marks.subarray(0, this.#unfiledTo)]));
      } finally {
        closeSync(fd);
      }
      this.#isFiled = true;
      [this.#unfiledFrom, this.#unfiledTo] = [Infinity, 0];
    } catch {
      // What is not marked is sent again by the next run, and with the next request it is tried to be.
    }
  }

  #head(): Buffer {
    return Buffer.from(`${this.id}\n`);
  }
}
