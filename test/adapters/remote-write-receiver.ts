import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A sample as it arrived. */
export interface WrittenSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly time: number;
}

/** Decompresses Snappy's block format, by its description and by nothing of ours. */
export function unsnappy(bytes: Uint8Array): Buffer {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  const output = Buffer.alloc(varint());
  let to = 0;
  const little = (size: number): number => {
    let value = 0;
    for (let i = 0; i < size; i += 1) value += bytes[at++]! * 2 ** (8 * i);
    return value;
  };
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    if ((tag & 3) === 0) {
      const short = tag >> 2;
      const length = (short < 60 ? short : little(short - 59)) + 1;
      output.set(bytes.subarray(at, at + length), to);
      if (at + length > bytes.length || to + length > output.length) throw new Error('a literal is too long');
      at += length;
      to += length;
      continue;
    }
    const kind = tag & 3;
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offset = kind === 1 ? ((tag >> 5) << 8) + little(1) : little(kind === 2 ? 2 : 4);
    if (offset === 0 || offset > to || to + length > output.length)
      throw new Error('a copy is out of bounds');
    for (let i = 0; i < length; i += 1, to += 1) output[to] = output[to - offset]!;
  }
  if (to !== output.length) throw new Error(`${to} of ${output.length} bytes`);
  return output;
}

type Fields = [field: number, value: Buffer | number][];

/** The fields of a message, in their order. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag & 7;
    if (kind === 0) fields.push([tag >> 3, varint()]);
    else if (kind === 1) fields.push([tag >> 3, bytes.readDoubleLE((at += 8) - 8)]);
    else if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error('a field is too long');
      fields.push([tag >> 3, bytes.subarray(at, (at += length))]);
    } else throw new Error(`wire type ${kind}`);
  }
  return fields;
}

/** Takes a request apart, and throws at whatever Prometheus would not take. */
export function decodeWriteRequest(body: Uint8Array): WrittenSample[] {
  const samples: WrittenSample[] = [];
  for (const [field, series] of fieldsOf(unsnappy(body))) {
    if (field !== 1) throw new Error(`field ${field} of a write request`);
    const labels: [string, string][] = [];
    for (const [kind, part] of fieldsOf(series as Buffer)) {
      const [[one, first], [two, second]] = fieldsOf(part as Buffer) as [Fields[0], Fields[0]];
      if (one !== 1 || two !== 2) throw new Error('fields out of order');
      if (kind === 1) labels.push([String(first), String(second)]);
      else
        samples.push({ labels: Object.fromEntries(labels), value: first as number, time: second as number });
    }
    labels.forEach(([name, value], i) => {
      if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw new Error(`label ${JSON.stringify(name)}`);
      if (value === '') throw new Error(`label ${name} is empty`);
      if (i > 0 && !(labels[i - 1]![0] < name)) throw new Error(`label ${name} is out of order`);
    });
    if (!labels.some(([name]) => name === '__name__')) throw new Error('no name');
  }
  return samples;
}

/** A receiver as strict as Prometheus: series in order of time, and no second value of one time. */
export class RemoteWriteReceiver {
  /** Samples by series, in their order. */
  readonly series = new Map<string, WrittenSample[]>();
  /** Taken first, one a request; true where it answered. */
  readonly troubles: ((request: IncomingMessage, response: ServerResponse) => boolean)[] = [];
  /** What it refused, and why. */
  readonly refused: string[] = [];
  requests = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<RemoteWriteReceiver> {
    const server = createServer();
    const receiver = new RemoteWriteReceiver(server);
    server.on('request', (request, response) => void receiver.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The last sample of each series that is not older than a time. */
  last(since = -Infinity): WrittenSample[] {
    return [...this.series.values()].map((samples) => samples.at(-1)!).filter(({ time }) => time >= since);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const body = Buffer.concat(await request.toArray().catch(() => []));
    if (this.troubles.shift()?.(request, response) === true) return;
    try {
      this.#take(request, decodeWriteRequest(body));
      response.writeHead(204).end();
    } catch (error) {
      this.refused.push((error as Error).message);
      response.writeHead(400).end((error as Error).message);
    }
  }

  #take({ headers, url, method }: IncomingMessage, samples: readonly WrittenSample[]): void {
    const { 'content-encoding': encoding, 'content-type': type } = headers;
    const version = headers['x-prometheus-remote-write-version'];
    const what = [method, url, type, encoding, version].join(' ');
    if (what !== 'POST /api/v1/write application/x-protobuf snappy 0.1.0') throw new Error(what);
    const keyOf = ({ labels }: WrittenSample): string => JSON.stringify(Object.entries(labels).sort());
    for (const sample of samples) {
      const { time, value } = this.series.get(keyOf(sample))?.at(-1) ?? { time: -Infinity, value: 0 };
      if (time > sample.time) throw new Error('out of order sample');
      if (time === sample.time && !Object.is(value, sample.value)) {
        throw new Error('duplicate sample for timestamp');
      }
    }
    for (const sample of samples) {
      const known = this.series.get(keyOf(sample));
      if (known === undefined) this.series.set(keyOf(sample), [sample]);
      else if (known.at(-1)!.time < sample.time) known.push(sample);
      else if (!Object.is(known.at(-1)!.value, sample.value)) throw new Error('twice in one request');
    }
  }
}
