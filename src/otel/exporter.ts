import type {
  AggregationOption,
  AggregationTemporality,
  InstrumentType,
  PushMetricExporter,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { Reporter } from '../diagnostics.js';
import { MetricsError } from '../errors.js';
import { thrownText } from '../options.js';
import { Appender } from '../store/appender.js';
import { atExit } from '../store/at-exit.js';
import { shardDirectory } from '../store/directory.js';
import { diagWarn } from './diag.js';
import type { ExporterStats, ShardMetricExporterOptions } from './options.js';
import { type Outcome, PointStore } from './point-store.js';
import {
  aggregationOf,
  type HistogramAggregation,
  temporalityOf,
  type TemporalityPreference,
} from './preferences.js';
import { exporterSettings } from './settings.js';

/** `ExportResultCode`, which is in a package that nobody else here needs. */
const SUCCESS = 0;
const FAILED = 1;

/**
 * Exports what an OpenTelemetry reader collects to the shards: one record a point, one append a shard and batch.
 *
 * @remarks
 * `export` does all its work before it returns and calls back, so calls cannot overlap, and nothing of a batch is kept
 * that its owner might change. What cannot be stored waits, up to `maxQueueBytes`, and is stored before the next
 * batch: no delta is lost and none is stored twice. Of a gauge or a total only the latest waits.
 *
 * For SDK 2 and 3, of which it needs the types alone.
 *
 * @public
 */
export class ShardMetricExporter implements PushMetricExporter {
  readonly #temporality: TemporalityPreference;
  readonly #histogramAggregation: HistogramAggregation;
  readonly #store: PointStore;
  readonly #reporter: Reporter;
  readonly #release: () => void;
  #down: Promise<void> | undefined;

  /**
   * Makes an exporter. No file is touched before the first export.
   *
   * @param options - Who exports, where to, and in which form.
   * @throws MetricsError `ERR_METRICS_OPTION` where an option is bad. A bad variable in its place is reported and
   * ignored.
   */
  constructor(options: ShardMetricExporterOptions = {}) {
    const { onError } = options;
    this.#reporter = new Reporter((error) => {
      diagWarn(error.message);
      onError?.(error);
    });
    const settings = exporterSettings(options, this.#reporter);
    this.#temporality = settings.temporality;
    this.#histogramAggregation = settings.histogramAggregation;
    this.#store = new PointStore({
      ...settings,
      appender: new Appender({ directory: shardDirectory(settings.directory) }),
      reporter: this.#reporter,
    });
    this.#release = atExit(() => this.#flush());
  }

  /**
   * Stores a batch.
   *
   * @param metrics - What a reader collected. Nothing of it is kept.
   * @param resultCallback - Called once, before `export` returns. Success: all points are in their files, except those
   * that no record can hold, which are counted and reported. Failure: the error says how many records wait; they are
   * stored with the next batch, so do not export them again.
   */
  export(metrics: ResourceMetrics, resultCallback: Parameters<PushMetricExporter['export']>[1]): void {
    const error = this.#down === undefined ? this.#export(metrics) : closed();
    try {
      resultCallback(error === undefined ? { code: SUCCESS } : { code: FAILED, error });
    } catch (thrown) {
      diagWarn(`the callback of an export threw: ${thrownText(thrown)}`);
    }
  }

  /**
   * Tries once more to store what waits.
   *
   * @returns A promise that never rejects: a reader whose exporter rejects here would not shut it down.
   */
  async forceFlush(): Promise<void> {
    if (this.#down === undefined) this.#flush();
  }

  /**
   * Stores what waits and closes the files. What is exported afterwards is refused.
   *
   * @returns The same promise each time; it never rejects.
   */
  shutdown(): Promise<void> {
    this.#down ??= this.#end();
    return this.#down;
  }

  /**
   * Chooses between deltas and totals by the temporality preference.
   *
   * @param instrumentType - The kind of instrument.
   */
  selectAggregationTemporality(instrumentType: InstrumentType): AggregationTemporality {
    return temporalityOf(this.#temporality, instrumentType);
  }

  /**
   * Chooses exponential histograms, unless told otherwise; of all other instruments what the SDK has by default.
   *
   * @param instrumentType - The kind of instrument.
   */
  selectAggregation(instrumentType: InstrumentType): AggregationOption {
    return aggregationOf(this.#histogramAggregation, instrumentType);
  }

  /** Counts what became of the records so far. */
  stats(): ExporterStats {
    return this.#store.stats();
  }

  #export(metrics: ResourceMetrics): Error | undefined {
    try {
      return failure(this.#store.store(metrics));
    } catch (error) {
      // Only what is not a batch of metrics at all gets here.
      return new MetricsError('ERR_METRICS_RECORD', `the batch cannot be read: ${thrownText(error)}`, {
        cause: error,
      });
    }
  }

  #flush(): void {
    this.#guard(() => this.#store.flush());
  }

  async #end(): Promise<void> {
    this.#release();
    this.#guard(() => this.#store.close());
  }

  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#reporter.report(
        'flush',
        () => new MetricsError('ERR_METRICS_STORE', String(error), { cause: error }),
      );
    }
  }
}

function failure({ waiting, lost }: Outcome): MetricsError | undefined {
  if (waiting === 0 && lost === 0) return undefined;
  const kept = `${waiting} records wait, and will be stored with the next export`;
  return new MetricsError(
    'ERR_METRICS_STORE',
    lost === 0 ? kept : `${kept}; ${lost} are lost: no more may wait`,
  );
}

function closed(): MetricsError {
  return new MetricsError('ERR_METRICS_CLOSED', 'the exporter is shut down');
}
