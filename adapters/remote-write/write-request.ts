/**
 * Writes the message that Prometheus' remote write takes, field by field.
 *
 * @remarks
 * https://prometheus.io/docs/specs/prw/remote_write_spec/: `WriteRequest` is series (field 1), a series is labels (1) and
 * samples (2), a label is its name (1) and value (2), a sample is a double (1) and a time in milliseconds (2).
 */
export class WriteRequest {
  #bytes = Buffer.allocUnsafe(65_536);
  #length = 0;

  /**
   * Adds one sample of a series.
   *
   * @param labels - What {@link encodeLabels} made of its labels.
   * @param time - Unix milliseconds, not negative.
   */
  add(labels: Buffer, value: number, time: number): void {
    const timeBytes = varintLength(time);
    // two tags, the double, the time
    const sample = 1 + 8 + 1 + timeBytes;
    const series = labels.length + 2 + sample;
    this.#reserve(1 + varintLength(series) + series);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = 0x0a;
    at = writeVarint(bytes, at, series);
    at += labels.copy(bytes, at);
    bytes[at++] = 0x12;
    bytes[at++] = sample;
    bytes[at++] = 0x09;
    at = bytes.writeDoubleLE(value, at);
    bytes[at++] = 0x10;
    this.#length = writeVarint(bytes, at, time);
  }

  /** The message so far; it changes with the next sample. */
  get message(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Labels as they stand in a series, in the order in which they are given: names have to rise. */
export function encodeLabels(labels: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of labels) {
    const fields = Buffer.concat([field(0x0a, name), field(0x12, value)]);
    parts.push(prefix(0x0a, fields.length), fields);
  }
  return Buffer.concat(parts);
}

function field(tag: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([prefix(tag, bytes.length), bytes]);
}

function prefix(tag: number, length: number): Buffer {
  const bytes = Buffer.alloc(1 + varintLength(length));
  bytes[0] = tag;
  writeVarint(bytes, 1, length);
  return bytes;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  // not by shifts, which are of 32 bits
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}
