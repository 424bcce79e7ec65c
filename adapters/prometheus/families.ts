import type {
  DataPoint,
  ExponentialHistogram,
  Histogram,
  MetricData,
  ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { DELTA, EXPONENTIAL_HISTOGRAM, HISTOGRAM, SUM } from '../../src/otel/sdk-enums.js';
import { ExponentialBounds } from '../../src/prometheus/exponential-bounds.js';
import { LabelMaker } from '../../src/prometheus/labels.js';
import { familyName, type FamilyType, metricName, sampleNames } from '../../src/prometheus/names.js';

/** Why points are left out: what they would make of the exposition no Prometheus would take. */
export const OMISSIONS = ['type', 'name', 'labels', 'delta'] as const;

/** One of {@link OMISSIONS}. */
export type Omission = (typeof OMISSIONS)[number];

/** All there is to say on one name. */
export interface Family {
  /** The name of its samples; of a histogram without their suffixes. */
  readonly name: string;
  readonly type: FamilyType;
  readonly unit: string;
  /** Its points, with names and labels as Prometheus has them, and histograms as explicit ones. */
  readonly data: MetricData;
}

/** The families of one exposition. */
interface Families {
  readonly families: readonly Family[];
  /** How many points were left out, by reason. */
  readonly omitted: Readonly<Record<Omission, number>>;
}

interface Draft {
  readonly name: string;
  readonly type: Family['type'];
  readonly unit: string;
  readonly metric: MetricData;
  readonly points: DataPoint<unknown>[];
  readonly seen: Set<string>;
}

/**
 * Turns what OpenTelemetry knows of metrics into families as Prometheus has them: each name once, of one type, no labels
 * twice, totals only.
 *
 * @remarks
 * Rules of https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/: metrics of one name and type are one
 * family, whatever scope they are of; one of another type is left out. Units are not appended to names, whose writers
 * have chosen them.
 */
export class FamilyMaker {
  readonly #prefix: string;
  readonly #labels = new LabelMaker();
  readonly #bounds = new ExponentialBounds();

  /** @param prefix - What all names begin with. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Makes the families of one collection.
   *
   * @param own - Makes further metrics, of how many points were left out.
   */
  make(
    { scopeMetrics }: ResourceMetrics,
    own: (omitted: Families['omitted']) => readonly MetricData[],
  ): Families {
    const omitted: Record<Omission, number> = { type: 0, name: 0, labels: 0, delta: 0 };
    const drafts = new Map<string, Draft>();
    // samples belong to one family: a counter x and a histogram x_total_count would not be told apart
    const samples = new Map<string, string>();
    for (const { metrics } of scopeMetrics) {
      for (const metric of metrics) this.#add(metric, drafts, samples, omitted);
    }
    for (const metric of own({ ...omitted })) this.#add(metric, drafts, samples, omitted);
    this.#bounds.keepOnly(new Set(drafts.keys()));
    const families = [...drafts.values()]
      .filter(({ points }) => points.length > 0)
      .map(({ name, type, unit, metric, points }) => ({
        name,
        type,
        unit,
        data: dataOf(name, type, metric, points),
      }));
    return { families, omitted };
  }

  #add(
    metric: MetricData,
    drafts: Map<string, Draft>,
    samples: Map<string, string>,
    omitted: Record<Omission, number>,
  ): void {
    const type = typeOf(metric);
    const name = familyName(metricName(metric.descriptor.name, this.#prefix), type);
    if (type !== 'gauge' && (metric.aggregationTemporality as number) === DELTA) {
      omitted.delta += metric.dataPoints.length;
      return;
    }
    const draft = drafts.get(name) ?? newDraft(name, type, metric);
    if (draft.type !== type) {
      omitted.type += metric.dataPoints.length;
      return;
    }
    const names = sampleNames(name, type);
    if (names.some((sample) => (samples.get(sample) ?? name) !== name)) {
      omitted.name += metric.dataPoints.length;
      return;
    }
    for (const sample of names) samples.set(sample, name);
    drafts.set(name, draft);
    for (const point of this.#explicit(name, metric)) {
      const { values, key } = this.#labels.labelsOf(point.attributes);
      if (draft.seen.has(key)) omitted.labels += 1;
      else draft.points.push({ ...point, attributes: values });
      draft.seen.add(key);
    }
  }

  #explicit(name: string, metric: MetricData): readonly DataPoint<unknown>[] {
    if ((metric.dataPointType as number) !== EXPONENTIAL_HISTOGRAM) return metric.dataPoints;
    const points = metric.dataPoints as DataPoint<ExponentialHistogram>[];
    const values = this.#bounds.convert(
      name,
      points.map(({ value }) => value),
    );
    return points.map((point, i) => {
      const { bounds, counts } = values[i]!;
      const { count, sum, min, max } = point.value;
      const value: Histogram = {
        ...{ count, buckets: { boundaries: [...bounds], counts: [...counts] } },
        ...(sum !== undefined && { sum }),
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
      };
      return { ...point, value };
    });
  }
}

function newDraft(name: string, type: Family['type'], metric: MetricData): Draft {
  return { name, type, unit: metric.descriptor.unit, metric, points: [], seen: new Set() };
}

function dataOf(
  name: string,
  type: Family['type'],
  metric: MetricData,
  points: DataPoint<unknown>[],
): MetricData {
  const { descriptor } = metric;
  return {
    ...metric,
    ...(type === 'histogram' && { dataPointType: HISTOGRAM, dataPoints: points as DataPoint<Histogram>[] }),
    descriptor: { ...descriptor, name, unit: '', description: help(type, descriptor) },
    dataPoints: points,
  } as MetricData;
}

function help(type: Family['type'], { name, unit, description }: MetricData['descriptor']): string {
  if (description !== '') return description;
  const kind = { counter: 'Total of', gauge: 'Last value of', histogram: 'Distribution of' }[type];
  return `${kind} ${name}${unit === '' ? '' : `, in ${unit}`}.`;
}

function typeOf(metric: MetricData): Family['type'] {
  const type = metric.dataPointType as number;
  if (type === HISTOGRAM || type === EXPONENTIAL_HISTOGRAM) return 'histogram';
  return type === SUM && (metric as { isMonotonic?: boolean }).isMonotonic === true ? 'counter' : 'gauge';
}
