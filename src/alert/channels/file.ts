import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import type { ChannelContext, FileChannelConfig } from './config.js';
import { isoTime } from '../text.js';

/** Where alerts are logged when nobody says otherwise, in the directory of the shards. */
const DEFAULT_FILE = 'alerts.log';

/** From this size on the log is renamed; by default it is in RAM. */
const DEFAULT_MAX_BYTES = 10_485_760;

/** Never waits for a FIFO, never follows a planted link; read for its last byte. */
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const NEWLINE = 0x0a;

/**
 * Appends one JSON line an alert to a file, one write(2) each.
 *
 * @remarks
 * The file is opened anew for each notification, so it may be moved away or deleted at any time. When it would grow
 * over its bound it becomes `<path>.1`, in the place of the one before: at most two files of that size.
 */
export class FileChannel implements Channel {
  readonly name: string;
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #now: () => number;

  constructor(name: string, config: FileChannelConfig, context: ChannelContext) {
    this.name = name;
    this.#path = config.path ?? join(context.directory, DEFAULT_FILE);
    this.#maxBytes = config.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#now = context.now ?? Date.now;
  }

  async send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    if (signal.aborted) return { outcome: 'retry', reason: `${this.#path}: interrupted` };
    const time = isoTime(this.#now());
    const lines = notification.alerts.map((alert) => Buffer.from(lineOf(time, notification, alert)));
    try {
      await this.#append(lines);
      return { outcome: 'sent' };
    } catch (error) {
      // All of this can be mended while the alert waits.
      return { outcome: 'retry', reason: `${this.#path} ${problemOf(error)}` };
    }
  }

  async #append(lines: readonly Buffer[]): Promise<void> {
    const bytes = lines.reduce((sum, line) => sum + line.length, 0);
    let file = await openLog(this.#path);
    try {
      if (file.size > 0 && file.size + bytes > this.#maxBytes) {
        await rename(this.#path, `${this.#path}.1`);
        const old = file.handle;
        file = await openLog(this.#path);
        await old.close();
      }
      if (await endsTorn(file)) await writeWhole(file.handle, Buffer.of(NEWLINE));
      for (const line of lines) await writeWhole(file.handle, line);
      await file.handle.datasync();
    } finally {
      await file.handle.close();
    }
  }
}

interface Log {
  readonly handle: FileHandle;
  readonly size: number;
}

/** Opens the log, and trusts nobody else's file: the default directory is open to every user of the host. */
async function openLog(path: string): Promise<Log> {
  const handle = await open(path, FLAGS, 0o600);
  try {
    const stat = await handle.stat();
    const problem = fileProblem(stat);
    if (problem !== undefined) throw new Error(problem);
    return { handle, size: stat.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function fileProblem(stat: Stats): string | undefined {
  if (!stat.isFile()) return 'is not a regular file';
  const own = stat.uid === process.geteuid?.() || stat.uid === 0;
  return own ? undefined : `belongs to user ${stat.uid}`;
}

/** Whether a full disk or a kill left half a line, which the next one must not be glued to. */
async function endsTorn({ handle, size }: Log): Promise<boolean> {
  if (size === 0) return false;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== NEWLINE;
}

/** One write; on a full disk it is short, and Node calls that a success. */
async function writeWhole(handle: FileHandle, line: Buffer): Promise<void> {
  const { bytesWritten } = await handle.write(line, 0, line.length, null);
  if (bytesWritten < line.length) throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
}

function lineOf(time: string, notification: Notification, alert: NotifiedAlert): string {
  const { status, severity, rule, fingerprint, labels, annotations, value, limit } = alert;
  const startsAt = isoTime(alert.startsAt);
  const endsAt = alert.endsAt === null ? null : isoTime(alert.endsAt);
  const { groupKey, id, total, heldBack } = notification;
  const said = { time, status, severity, rule, labels, annotations, value, limit, startsAt, endsAt };
  return `${JSON.stringify({ ...said, fingerprint, groupKey, total, heldBack, id })}\n`;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  ELOOP: 'is a symbolic link',
  ENXIO: 'is a FIFO',
  EISDIR: 'is a directory',
  ENOENT: 'has no directory to be in',
  ENOTDIR: 'has no directory to be in',
  ENOSPC: 'has no room left',
  EDQUOT: 'has no room left for this user',
  EACCES: 'may not be written by this user',
  EPERM: 'may not be written by this user',
  EROFS: 'is on a read-only disk',
};

function problemOf(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const problem = PROBLEMS[code];
  if (problem !== undefined) return `${problem} (${code})`;
  return code === '' ? message : `cannot be written: ${code}`;
}
