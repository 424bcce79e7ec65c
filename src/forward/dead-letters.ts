import { closeSync, constants, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Point } from './point.js';

/** The file of points that a backend refused: one JSON object a line, with the reason. */
export class DeadLetters {
  readonly path: string;
  readonly #maxBytes: number;

  constructor(path: string, maxBytes: number) {
    this.path = path;
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds points. A file that would grow beyond its bound becomes the older one, of which there is one.
   *
   * @throws a system error where it cannot be written.
   */
  add(points: readonly Point[], reason: string, now: number): void {
    const at = new Date(now).toISOString();
    let text = '';
    for (const { time, ...point } of points) {
      const line = `${JSON.stringify({ refusedAt: at, reason, timestamp: new Date(time).toISOString(), ...point }, words)}\n`;
      if (text.length + line.length > this.#maxBytes) break;
      text += line;
    }
    const bytes = Buffer.from(text);
    const fd = this.#open(bytes.length);
    try {
      for (let done = 0; done < bytes.length;) {
        const written = writeSync(fd, bytes, done);
        if (written === 0)
          throw Object.assign(new Error(`no room to write ${this.path}`), { code: 'ENOSPC' });
        done += written;
      }
    } finally {
      closeSync(fd);
    }
  }

  #open(more: number): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
    const open = (): number => openSync(this.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
    const fd = open();
    const { size } = fstatSync(fd);
    if (size === 0 || size + more <= this.#maxBytes) return fd;
    closeSync(fd);
    renameSync(this.path, `${this.path}.1`);
    return open();
  }
}

/** What JSON cannot write, as it stands in records. */
function words(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
