import { createHash } from 'node:crypto';
import { bytesOf } from './compress.js';

/** SHA-256 of the first bytes of a file, in hexadecimal. */
export async function hashOf(fd: number, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytesOf(fd, 0, bytes)) hash.update(chunk);
  return hash.digest('hex');
}
