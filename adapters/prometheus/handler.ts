import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { Reporter } from '../../src/diagnostics.js';
import { MetricsError } from '../../src/errors.js';
import { ShardMetricProducer } from '../../src/otel/producer.js';
import { Guard } from './guard.js';
import { acceptsGzip, chooseFormat, CONTENT_TYPES } from './negotiate.js';
import { handlerSettings, type HandlerSettings, type PrometheusHandlerOptions } from './options.js';
import { Scraper } from './scraper.js';
import { SelfMetrics } from './self-metrics.js';

/** Less is not worth the time. */
const MIN_GZIP_BYTES = 1024;
/** Of what Prometheus says it waits, this much is left for the way. */
const MARGIN_MS = 100;

const compress = promisify(gzip);

/**
 * Answers scrapes: a request handler for `node:http`, Express and their like.
 *
 * @public
 */
export interface PrometheusHandler {
  /**
   * Answers a request. It never throws, and calls `next`, where there is one, for paths that are not its own.
   */
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /**
   * Loads the exporter, so that its absence is known before the first scrape.
   *
   * @returns A promise that rejects with `ERR_METRICS_OPTION` where it is not installed.
   */
  readonly load: () => Promise<void>;
  /**
   * Stops following the shards and saves the snapshot, where the producer is the handler's own.
   *
   * @returns A promise that never rejects.
   */
  readonly shutdown: () => Promise<void>;
}

/**
 * Makes a request handler that gives Prometheus the metrics of the whole host.
 *
 * @remarks
 * Built on `@opentelemetry/exporter-prometheus`, which has to be installed and is loaded with the first scrape. It speaks the
 * text format 0.0.4 and OpenMetrics 1.0, both with gzip, and answers `/healthz`.
 *
 * @example
 * ```ts
 * const handler = createPrometheusHandler();
 * createServer(handler).listen(9090, '127.0.0.1');
 * ```
 *
 * @param options - Where the metrics come from, how they are called, and who may see them.
 * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad.
 *
 * @public
 */
export function createPrometheusHandler(options: PrometheusHandlerOptions = {}): PrometheusHandler {
  const settings = handlerSettings(options);
  const own = options.producer === undefined ? new ShardMetricProducer(producerOptions(options)) : undefined;
  const self = new SelfMetrics();
  const scraper = new Scraper(options.producer ?? own!, self, settings.prefix);
  const endpoint = new Endpoint(settings, scraper, self, new Reporter(options.onError));
  const handler = (request: IncomingMessage, response: ServerResponse, next?: () => void): void =>
    endpoint.handle(request, response, next);
  return Object.assign(handler, {
    load: () => scraper.load(),
    shutdown: async () => own?.shutdown(),
  });
}

class Endpoint {
  readonly #settings: HandlerSettings;
  readonly #scraper: Scraper;
  readonly #self: SelfMetrics;
  readonly #reporter: Reporter;
  readonly #guard: Guard;
  #active = 0;

  constructor(settings: HandlerSettings, scraper: Scraper, self: SelfMetrics, reporter: Reporter) {
    this.#settings = settings;
    this.#scraper = scraper;
    this.#self = self;
    this.#reporter = reporter;
    this.#guard = new Guard(settings.hosts, settings.token);
  }

  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    const path = pathOf(request.url);
    const known = path === this.#settings.path || path === '/healthz';
    if (!known && next !== undefined) {
      next();
      return;
    }
    const refusal = this.#refusal(request, known);
    if (refusal !== undefined) {
      answer(response, ...refusal);
      return;
    }
    if (path !== this.#settings.path) {
      answer(response, 200, 'ok');
      return;
    }
    if (!this.#guard.isAuthorized(request)) {
      response.setHeader('www-authenticate', 'Bearer');
      answer(response, 401, 'a bearer token is needed');
      return;
    }
    if (this.#active >= this.#settings.maxConcurrent) {
      response.setHeader('retry-after', '1');
      this.#self.count(503, 0);
      answer(response, 503, 'too many scrapes at once');
      return;
    }
    this.#track(response);
    void this.#scrape(request, response);
  }

  #refusal(request: IncomingMessage, known: boolean): [status: number, text: string] | undefined {
    if (!this.#guard.isMeantForUs(request)) return [403, 'this host name is not among the allowed ones'];
    if (!known) return [404, `there are ${this.#settings.path} and /healthz`];
    return request.method === 'GET' || request.method === 'HEAD' ? undefined : [405, 'GET or HEAD'];
  }

  /** Counts a scrape as long as its client takes to read it, which must not be long, however it goes on. */
  #track(response: ServerResponse): void {
    this.#active += 1;
    const late = setTimeout(() => response.destroy(), 2 * this.#settings.timeoutMs).unref();
    response.once('close', () => {
      clearTimeout(late);
      this.#active -= 1;
    });
  }

  async #scrape(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    let status = 200;
    try {
      const format = chooseFormat(request.headers.accept);
      const { text, errors } = await this.#scraper.scrape(format, this.#timeoutMs(request));
      for (const error of errors) this.#report(error);
      const zip =
        text.length >= MIN_GZIP_BYTES && acceptsGzip(request.headers['accept-encoding']?.toString());
      const body = zip ? await compress(text, { level: constants.Z_BEST_SPEED }) : Buffer.from(text);
      if (zip) response.setHeader('content-encoding', 'gzip');
      send(response, 200, CONTENT_TYPES[format], request.method === 'HEAD' ? undefined : body, body.length);
    } catch (error) {
      this.#report(error);
      status = 503;
      answer(response, status, error instanceof MetricsError ? error.message : 'the scrape failed');
    }
    this.#self.count(status, (performance.now() - startedAt) / 1000);
  }

  #timeoutMs({ headers }: IncomingMessage): number {
    const seconds = Number(headers['x-prometheus-scrape-timeout-seconds'] ?? NaN);
    const theirs = seconds > 0 ? Math.max(1, seconds * 1000 - MARGIN_MS) : Infinity;
    return Math.ceil(Math.min(this.#settings.timeoutMs, theirs));
  }

  #report(error: unknown): void {
    const known = error instanceof MetricsError;
    const message = known ? error.message : `the scrape failed: ${String(error)}`;
    this.#reporter.report(message, () =>
      known ? error : new MetricsError('ERR_METRICS_STORE', message, { cause: error }),
    );
  }
}

function producerOptions(
  options: PrometheusHandlerOptions,
): ConstructorParameters<typeof ShardMetricProducer>[0] {
  const { directory, per, gauges, snapshotFile, snapshotMs, gaugeMaxAgeMs, maxSeries, idleMs, pollMs } =
    options;
  const { timeoutMs } = options;
  return {
    directory,
    per,
    gauges,
    snapshotFile,
    snapshotMs,
    gaugeMaxAgeMs,
    maxSeries,
    idleMs,
    pollMs,
    timeoutMs,
  };
}

/** The path of a request, which may be anything that a client chose to send; a proxy's has scheme and host before it. */
function pathOf(url = '/'): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path === '' ? '/' : path;
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (status === 405) response.setHeader('allow', 'GET, HEAD');
  const body = Buffer.from(`${text}\n`);
  send(response, status, 'text/plain; charset=utf-8', body, body.length);
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: Buffer | undefined,
  length: number,
): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    vary: 'accept, accept-encoding',
  });
  response.end(body);
}
