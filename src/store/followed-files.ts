import { closeSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { FollowedFile, offsetIn } from './followed.js';
import type { FilePosition, Position } from './position.js';
import { lastLineEnd, seekTime } from './seek.js';
import { listSegments, openSegment, type Segment, type UnreadableFile, unreadableBy } from './segments.js';
import type { SegmentName } from './shard.js';
import type { From } from './tail-options.js';

/** How much later than a younger record an older one may stand in its file. */
const LATENESS_MS = 60_000;
/** Files that cannot be opened and are told; names can be planted without end. */
const MAX_UNREADABLE = 1000;
/** A file that did not grow for this long is closed; its size is still looked at. */
const KEEP_OPEN_MS = 60_000;
/** A file whose name is gone is read for this long: a writer may still have it open. */
const KEEP_GONE_MS = 10_000;
/** One that holds what was not read yet, for so long. */
const KEEP_UNREAD_MS = 60_000;

/** All files of a directory that are followed, each by its inode: which there are, and where each of them begins. */
export class FollowedFiles {
  readonly #directory: string;
  readonly #from: From;
  readonly #files = new Map<string, FollowedFile>();
  /** What the last listing could not open. */
  #refused: UnreadableFile[] = [];
  /** What a saved position says of files that were not found yet; undefined where there is none. */
  #saved: Map<string, FilePosition> | undefined;
  #begun = false;
  #begunAt = 0;
  #historic = false;
  #missedFiles = 0;
  #missedBytes = 0;

  /** Follows nothing yet. */
  constructor(directory: string, from: From) {
    this.#directory = directory;
    this.#from = from;
  }

  /** What cannot be read now, and why. */
  get unreadable(): UnreadableFile[] {
    const followed = [...this.#files.values()].map(({ unreadable }) => unreadable);
    return [...this.#refused, ...followed.filter((file) => file !== undefined)];
  }

  /** What was deleted before all of it was read: files, and how many bytes of them, as far as they were seen. */
  get missed(): { readonly files: number; readonly bytes: number } {
    return { files: this.#missedFiles, bytes: this.#missedBytes };
  }

  /** Those that are followed now. */
  [Symbol.iterator](): Iterator<FollowedFile> {
    return this.#files.values();
  }

  /** The position of each file as somebody sees it, and of those that were not found yet. */
  positions(positionOf: (file: FollowedFile) => FilePosition): FilePosition[] {
    return [...[...this.#files.values()].map(positionOf), ...(this.#saved?.values() ?? [])];
  }

  /** Decides where to begin in the files that are there now: where a saved position says so, else as it was told. */
  begin(saved: Position | undefined): void {
    this.#saved = saved && new Map(saved.files.map((file) => [`${file.dev}:${file.ino}`, file]));
    this.#historic = saved === undefined && typeof this.#from === 'number';
    // While a sealer works, a listing can miss a file that gets another name meanwhile.
    let before: number;
    do {
      before = this.#files.size;
      this.list();
    } while (this.#files.size > before);
    this.#historic = false;
    this.#begun = true;
    this.#begunAt = performance.now();
  }

  /** Finds files that were not there before, new names, and names that are gone. */
  list(): void {
    const now = performance.now();
    this.#refused = [];
    const names = this.#names();
    if (names === undefined) return;
    const present = new Set<string>();
    for (const name of names) {
      const key = this.#recognise(name) ?? this.#follow(name, now);
      if (key === undefined) continue;
      const file = this.#files.get(key);
      if (file !== undefined) file.name = name.name;
      present.add(key);
    }
    for (const [key, file] of this.#files) file.goneAt = present.has(key) ? undefined : (file.goneAt ?? now);
    if (this.#begun && now - this.#begunAt > KEEP_GONE_MS) this.#saved = undefined;
  }

  /** Closes what did not grow for long, and forgets what is gone. */
  retire(file: FollowedFile, now: number): void {
    const { goneAt, unread } = file;
    if (goneAt !== undefined && now - goneAt > (unread > 0 ? KEEP_UNREAD_MS : KEEP_GONE_MS)) {
      file.close();
      this.#files.delete(file.key);
      if (unread > 0) this.#missedFiles += 1;
      this.#missedBytes += unread;
    } else if (file.goneAt === undefined && now - file.grewAt > KEEP_OPEN_MS) {
      file.close();
    }
  }

  /** Closes all of them; reading one opens it again. */
  close(): void {
    for (const file of this.#files.values()) file.close();
  }

  /** What there is; undefined where that cannot be seen now, which does not mean that it is gone. */
  #names(): SegmentName[] | undefined {
    try {
      return listSegments(this.#directory);
    } catch (error) {
      this.#refused.push(unreadableBy(error, this.#directory));
      return undefined;
    }
  }

  #recognise({ name }: SegmentName): string | undefined {
    // A link is never a segment, whatever it leads to.
    const stat = lstatSync(join(this.#directory, name), { bigint: true, throwIfNoEntry: false });
    const key = stat && `${stat.dev}:${stat.ino}`;
    const file = key === undefined ? undefined : this.#files.get(key);
    if (file !== undefined) file.seen = Number(stat!.size);
    return file?.key;
  }

  #follow(name: SegmentName, now: number): string | undefined {
    const segment = openSegment(this.#directory, name);
    if (segment === undefined) return undefined;
    if ('reason' in segment) {
      if (this.#refused.length < MAX_UNREADABLE) this.#refused.push(segment);
      return undefined;
    }
    const { dev, ino, size } = segment.stat;
    const key = `${dev}:${ino}`;
    // The name may have changed hands since it was recognised.
    if (this.#files.has(key)) {
      closeSync(segment.fd);
      return key;
    }
    const history = this.#historic ? size : 0;
    this.#files.set(
      key,
      new FollowedFile(this.#directory, segment, this.#beginAt(segment, key), history, now),
    );
    return key;
  }

  /** Where to begin in a file that was not there before, or when following begins. */
  #beginAt(segment: Segment, key: string): number {
    const saved = this.#saved?.get(key);
    this.#saved?.delete(key);
    if (saved !== undefined) return offsetIn(segment, saved);
    if (this.#begun || this.#saved !== undefined || this.#from === 'start') return 0;
    const { fd, stat } = segment;
    if (typeof this.#from === 'number') return seekTime(fd, stat.size, this.#from - LATENESS_MS);
    return lastLineEnd(fd, stat.size);
  }
}
