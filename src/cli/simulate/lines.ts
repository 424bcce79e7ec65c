import type { Readable } from 'node:stream';

/** The lines of a stream, as many at a time as come in together; what has no newline at its end is none. */
export async function* splitLines(stream: Readable): AsyncGenerator<readonly string[], void, undefined> {
  let rest = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop()!;
    if (lines.length > 0) yield lines;
  }
}
