import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Of a longer line, the rest is left out. */
const MAX_CHARS = 16_384;

/** Hands on what a stream says, line by line, in bounded memory whatever that is. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  const add = (text: string): void => {
    if (line.length < MAX_CHARS) line += text.slice(0, MAX_CHARS - line.length);
  };
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...others] = decoder.write(chunk).split('\n');
    add(first);
    for (const other of others) {
      onLine(line);
      line = '';
      add(other);
    }
  });
  stream.on('end', () => {
    if (line !== '') onLine(line);
  });
  // What it was going to say is lost with it.
  stream.on('error', () => undefined);
}
