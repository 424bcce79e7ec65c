import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import type { Backend, BackendLimits } from '../../src/forward/backend.js';
import type { ForwardEvent } from '../../src/forward/events.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import type { ForwarderOptions } from '../../src/forward/options.js';
import type { Point } from '../../src/forward/point.js';
import { formatRecord, type MetricRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';

/** What a receiver does with one request; nothing where it accepts it. */
export type Trouble = (
  request: IncomingMessage,
  response: ServerResponse,
  points: readonly Point[],
) => boolean;

/** A backend over real HTTP: JSON, gzip, and points as they are. */
export class Receiver {
  readonly points: Point[] = [];
  /** Points of each request, those that were not accepted among them. */
  readonly requests: (readonly Point[])[] = [];
  /** Taken first, one a request; true where it answered. */
  readonly troubles: Trouble[] = [];
  url = '';

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    const server = createServer((request, response) => void receiver.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/points`;
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return receiver;
  }

  backend(
    temporality: Backend['temporality'] = 'cumulative',
    limits: Partial<BackendLimits> = {},
    more: Partial<Backend> = {},
  ): Backend {
    const all = {
      points: 1000,
      bytes: 1e6,
      rawBytes: 1e7,
      maxAgeMs: Infinity,
      maxFutureMs: Infinity,
      ...limits,
    };
    return {
      ...{ name: 'test', temporality, limits: all },
      encode: (points) => {
        if (points.length === 0) return [];
        const json = Buffer.from(JSON.stringify(points));
        const headers = { 'content-encoding': 'gzip', 'x-key': 'secret-key' };
        return [
          { url: this.url, headers, body: new Uint8Array(gzipSync(json)), rawBytes: json.length, points },
        ];
      },
      ...more,
    };
  }

  /** Values of a metric, by agent and time, in the order in which they came. */
  valuesOf(metric: string): [string | undefined, number, number][] {
    return this.points
      .filter((point) => point.metric === metric)
      .map(({ agent, time, value }) => [agent, time, value]);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await request.toArray().catch(() => []));
    const points = JSON.parse(gunzipSync(body).toString()) as Point[];
    this.requests.push(points);
    const trouble = this.troubles.shift();
    if (trouble?.(request, response, points) === true) return;
    this.points.push(...points);
    response.writeHead(204).end();
  }
}

/** Answers once with a status. */
export function answer(status: number, headers: Record<string, string> = {}, text = ''): Trouble {
  return (_request, response) => {
    response.writeHead(status, headers).end(text);
    return true;
  };
}

/** Shards, state, and forwarders between them and a receiver. */
export async function setup(
  temporality: Backend['temporality'] = 'cumulative',
  limits: Partial<BackendLimits> = {},
) {
  const receiver = await Receiver.start();
  const [directory, state] = [temporaryDirectory(), temporaryDirectory()];
  const events: ForwardEvent[] = [];
  const forwarder = (options: Partial<ForwarderOptions> = {}) => {
    const made = createForwarder({
      ...{ backend: receiver.backend(temporality, limits), directory, state, maxBackoffMs: 20, pollMs: 10 },
      onEvent: (event) => events.push(event),
      ...options,
    });
    onTestFinished(() => made.close());
    return made;
  };
  const store = (shard: number, ...records: Partial<MetricRecord>[]): void => {
    const lines = records.map((record) =>
      formatRecord({ time: Date.now(), agent: 'agent-1', metric: 'm', value: 1, ...record }),
    );
    appendFileSync(join(directory, `cfn-metrics-${shard}.jsonl`), lines.join(''), { mode: 0o600 });
  };
  return { receiver, directory, state, events, forwarder, store };
}
