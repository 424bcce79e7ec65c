const HASH_BITS = 14;
/** Matches are looked for in blocks of this size, whose offsets two bytes hold. */
const BLOCK_BYTES = 65_536;
const MIN_MATCH = 4;
const MAX_COPY = 64;

/**
 * Compresses in the block format of Snappy: what remote write has to be in.
 *
 * @remarks
 * https://github.com/google/snappy/blob/main/format_description.txt: the length, then literals and copies of what
 * stands up to 65,535 bytes before. Labels repeat from series to series, so that most of a request are copies.
 */
export function snappy(input: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new Uint8Array(8 + input.length + Math.ceil(input.length / 6) + 32);
  let at = writeLength(output, input.length);
  const table = new Int32Array(1 << HASH_BITS);
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    table.fill(-1);
    at = block(input, start, Math.min(input.length, start + BLOCK_BYTES), table, output, at);
  }
  return output.slice(0, at);
}

function block(
  input: Uint8Array,
  start: number,
  end: number,
  table: Int32Array,
  output: Uint8Array,
  to: number,
): number {
  let at = to;
  let literal = start;
  let i = start;
  while (i + MIN_MATCH <= end) {
    const word = read32(input, i);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[slot]!;
    table[slot] = i;
    if (candidate < 0 || read32(input, candidate) !== word) {
      // what does not repeat is passed over faster and faster
      i += 1 + ((i - literal) >> 5);
      continue;
    }
    let length = MIN_MATCH;
    while (i + length < end && input[candidate + length] === input[i + length]) length += 1;
    at = writeLiteral(input, literal, i, output, at);
    at = writeCopy(i - candidate, length, output, at);
    i += length;
    literal = i;
  }
  return writeLiteral(input, literal, end, output, at);
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function writeLiteral(input: Uint8Array, from: number, end: number, output: Uint8Array, to: number): number {
  if (end <= from) return to;
  let at = to;
  const last = end - from - 1;
  if (last < 60) {
    output[at++] = last << 2;
  } else if (last < 256) {
    output[at++] = 60 << 2;
    output[at++] = last;
  } else {
    output[at++] = 61 << 2;
    output[at++] = last & 0xff;
    output[at++] = last >> 8;
  }
  output.set(input.subarray(from, end), at);
  return at + end - from;
}

/** Copies with an offset of two bytes. */
function writeCopy(offset: number, length: number, output: Uint8Array, to: number): number {
  let at = to;
  for (let rest = length; rest > 0;) {
    const part = Math.min(rest, MAX_COPY);
    output[at++] = ((part - 1) << 2) | 2;
    output[at++] = offset & 0xff;
    output[at++] = offset >> 8;
    rest -= part;
  }
  return at;
}

function writeLength(output: Uint8Array, length: number): number {
  let at = 0;
  let rest = length;
  while (rest >= 0x80) {
    output[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  output[at++] = rest;
  return at;
}
