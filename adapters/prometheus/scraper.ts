import type { CollectionResult, MetricProducer } from '@opentelemetry/sdk-metrics';
import { MetricsError } from '../../src/errors.js';
import { expose, type Serializer } from './exposition.js';
import { FamilyMaker } from './families.js';
import type { Format } from './negotiate.js';
import type { SelfMetrics } from './self-metrics.js';

const PEER = '@opentelemetry/exporter-prometheus';

/** What is used of the reader of `@opentelemetry/exporter-prometheus`. */
interface Reader {
  setMetricProducer(producer: MetricProducer): void;
  collect(options: { timeoutMillis: number }): Promise<CollectionResult>;
}

/** Collects and writes, with the reader and the serializer of OpenTelemetry's own exporter. */
export class Scraper {
  readonly #producer: MetricProducer;
  readonly #self: SelfMetrics;
  readonly #families: FamilyMaker;
  #parts: Promise<{ reader: Reader; serializer: Serializer }> | undefined;

  constructor(producer: MetricProducer, self: SelfMetrics, prefix: string) {
    this.#producer = producer;
    this.#self = self;
    this.#families = new FamilyMaker(prefix);
  }

  /**
   * Loads the exporter, if that was not done yet.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where it is not installed.
   */
  async load(): Promise<void> {
    await this.#load();
  }

  /**
   * Gives the text of one scrape.
   *
   * @throws MetricsError `ERR_METRICS_STORE` where there is nothing to show yet, or not in time.
   */
  async scrape(format: Format, timeoutMs: number): Promise<{ text: string; errors: readonly unknown[] }> {
    const { reader, serializer } = await this.#load();
    // a reader waits for its producer, however long that takes
    const result = await within(timeoutMs, reader.collect({ timeoutMillis: timeoutMs }));
    const { resourceMetrics, errors } = result;
    if (resourceMetrics.scopeMetrics.length === 0 && errors.length > 0) throw errors[0];
    const { families } = this.#families.make(resourceMetrics, (omitted) =>
      this.#self.metrics(this.#producer, omitted),
    );
    return { text: expose(families, serializer, resourceMetrics.resource, format), errors };
  }

  #load(): Promise<{ reader: Reader; serializer: Serializer }> {
    // what failed is tried again: it may be installed meanwhile
    this.#parts ??= this.#open().catch((error: unknown) => {
      this.#parts = undefined;
      throw error;
    });
    return this.#parts;
  }

  async #open(): Promise<{ reader: Reader; serializer: Serializer }> {
    let exporter: typeof import('@opentelemetry/exporter-prometheus');
    try {
      exporter = await import('@opentelemetry/exporter-prometheus');
    } catch (cause) {
      const message = `${PEER} cannot be loaded; is it installed? npm install ${PEER}`;
      throw new MetricsError('ERR_METRICS_OPTION', message, { cause });
    }
    const { PrometheusExporter, PrometheusSerializer } = exporter;
    // its server is not started: the address means nothing
    const reader = new PrometheusExporter({ preventServerStart: true, host: '127.0.0.1', port: 9464 });
    reader.setMetricProducer(this.#producer);
    return { reader, serializer: new PrometheusSerializer('', false, undefined, true, true) };
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new MetricsError('ERR_METRICS_STORE', `nothing was collected within ${ms} ms`);
    // a little later than the producer's own end, which comes with what there is
    timer = setTimeout(() => reject(error), ms + 50);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
