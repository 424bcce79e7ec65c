import { close, constants, fsync, open, read, rename, rm, write } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** What touches the archive's disk goes through the thread pool: a slow disk delays nobody in this process. */
const pooled = promisify;

const closeCall = pooled(close);
const fsyncCall = pooled(fsync);
const openCall = pooled(open);
const readCall = pooled(read);
const renameCall = pooled(rename);
const rmCall = pooled(rm);
const writeCall = pooled(write);

/** Files of the archive: whoever may look after metrics may read them. */
const MODE = 0o640;

/** Opens a file of the archive for reading. */
export async function openToRead(path: string): Promise<number> {
  return openCall(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Opens a file of the archive that is there, for writing into it. */
export async function openToExtend(path: string): Promise<number> {
  return openCall(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** Makes a file of the archive that was not there. */
export async function openNew(path: string): Promise<number> {
  return openCall(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, MODE);
}

/** Makes a temporary file; what an earlier run left under its name goes. */
export async function openTemporary(path: string): Promise<number> {
  await rmCall(path, { force: true });
  return openNew(path);
}

/** Closes a descriptor. */
export async function closeFile(fd: number): Promise<void> {
  await closeCall(fd);
}

/** Reads at an offset; fewer bytes than asked for only at the end of the file. */
export async function readAt(fd: number, buffer: Buffer, position: number): Promise<number> {
  const { bytesRead } = await readCall(fd, buffer, 0, buffer.length, position);
  return bytesRead;
}

/** Writes all of a buffer at an offset. A full disk shows as a short count first, and as an error then. */
export async function writeAt(fd: number, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length;) {
    const { bytesWritten } = await writeCall(fd, buffer, done, buffer.length - done, position + done);
    if (bytesWritten === 0) {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }
    done += bytesWritten;
  }
}

/** Waits until the bytes of a file are on the disk. */
export async function syncFile(fd: number): Promise<void> {
  await fsyncCall(fd);
}

/** Waits until the names in a directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const fd = await openCall(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await fsyncCall(fd);
  } finally {
    await closeCall(fd);
  }
}

/** Gives a file another name, in the place of what had it. */
export async function renameFile(from: string, to: string): Promise<void> {
  await renameCall(from, to);
}

/** Deletes a file; one that is gone is no error. */
export async function removeFile(path: string): Promise<void> {
  await rmCall(path, { force: true });
}

/** Writes small files beside their places, and renames them there when all of them are on the disk. */
export async function replaceDurably(files: ReadonlyMap<string, string>): Promise<void> {
  if (files.size === 0) return;
  await Promise.all([...files].map(([path, text]) => stage(`${path}.tmp`, text)));
  for (const path of files.keys()) await renameCall(`${path}.tmp`, path);
  const directories = new Set([...files.keys()].map((path) => dirname(path)));
  for (const directory of directories) await syncDirectory(directory);
}

async function stage(path: string, text: string): Promise<void> {
  const fd = await openTemporary(path);
  try {
    await writeAt(fd, Buffer.from(text), 0);
    await fsyncCall(fd);
  } finally {
    await closeCall(fd);
  }
}
