import { type Attributes, formatAttributes } from '../../src/attributes.js';
import type { Point } from '../../src/forward/point.js';
import { LabelMaker } from '../../src/prometheus/labels.js';
import { type FamilyType, familyName, metricName, sampleNames } from '../../src/prometheus/names.js';
import { encodeLabels } from './write-request.js';

/** Names that are remembered; of more, all are forgotten. */
const MAX_NAMES = 100_000;

/** A series of a point, with the labels that all of its samples have. */
export interface Identity {
  /** What points of the series have in common. */
  readonly of: Pick<Point, 'metric' | 'type' | 'unit' | 'agent' | 'scope'>;
  /** What no other series has where it comes from. */
  readonly source: string;
  /** The same for whatever has this name and these labels. */
  readonly text: string;
  readonly family: string;
  /** All labels but the name, sorted. */
  readonly labels: readonly (readonly [string, string])[];
  /** The labels of samples as they are written, by the end of their name and `le`. */
  readonly encoded: Map<string, Buffer>;
}

/** Gives points the names and labels that a scrape of `cfn-metrics serve` gives them. */
export class SeriesNames {
  readonly #prefix: string;
  readonly #external: Readonly<Record<string, string>>;
  readonly #labels = new LabelMaker();
  /** Which metric and type has a name of a sample. */
  readonly #claims = new Map<string, string>();
  /** By the attributes, which a series keeps for itself; where two share them, the last one. */
  readonly #known = new WeakMap<Attributes, Identity>();

  /** @param external - Labels of everything, as where Prometheus scrapes: those of a point become `exported_…`. */
  constructor(prefix: string, external: Readonly<Record<string, string>>) {
    this.#prefix = prefix;
    this.#external = external;
  }

  /** Who a point is of; undefined where its name belongs to another metric, from which Prometheus could not tell it. */
  identityOf(point: Point): Identity | undefined {
    const known = this.#known.get(point.attributes);
    if (known !== undefined && isOf(known.of, point)) return known;
    const { metric, type, unit, agent, scope, attributes } = point;
    const family = this.familyOf(point);
    if (!this.#claim(metric, family, familyType(type))) return undefined;
    const labels = this.#labelsOf(point);
    const text = `${family}\n${labels.join('\n')}`;
    const identity = {
      of: { metric, type, unit, agent, scope },
      source: [type, metric, unit, agent, scope, formatAttributes(attributes)].join('\n'),
      text,
      family,
      labels,
      encoded: new Map<string, Buffer>(),
    };
    this.#known.set(point.attributes, identity);
    return identity;
  }

  /** The name of a point's samples; of a histogram without their suffixes. */
  familyOf({ metric, type }: Point): string {
    return familyName(metricName(metric, this.#prefix), familyType(type));
  }

  /** The labels of one sample. */
  encode({ family, labels, encoded }: Identity, suffix: string, le: string | undefined): Buffer {
    const key = le === undefined ? suffix : `${suffix}\n${le}`;
    let bytes = encoded.get(key);
    if (bytes === undefined) {
      const all = [['__name__', `${family}${suffix}`] as const, ...labels];
      if (le !== undefined) all.push(['le', le]);
      bytes = encodeLabels(all.sort(byName));
      encoded.set(key, bytes);
    }
    return bytes;
  }

  #claim(metric: string, family: string, type: FamilyType): boolean {
    const names = sampleNames(family, type);
    const claim = `${type}\n${metric}`;
    if (names.some((name) => (this.#claims.get(name) ?? claim) !== claim)) return false;
    if (this.#claims.size >= MAX_NAMES) this.#claims.clear();
    for (const name of names) this.#claims.set(name, claim);
    return true;
  }

  #labelsOf({ agent, scope, attributes }: Point): (readonly [string, string])[] {
    const { values } = this.#labels.labelsOf({
      ...attributes,
      ...(scope !== undefined && { 'otel.scope.name': scope }),
      ...(agent !== undefined && { 'agent.id': agent }),
    });
    const own = Object.entries(values).map(([name, value]): [string, string] => [
      Object.hasOwn(this.#external, name) ? `exported_${name}` : name,
      value,
    ]);
    return Object.entries({ ...Object.fromEntries(own), ...this.#external });
  }
}

function isOf(of: Identity['of'], { metric, type, unit, agent, scope }: Point): boolean {
  const isMetric = of.metric === metric && of.type === type && of.unit === unit;
  return isMetric && of.agent === agent && of.scope === scope;
}

function familyType(type: Point['type']): FamilyType {
  if (type === 'counter') return 'counter';
  return type === 'histogram' || type === 'exponential_histogram' ? 'histogram' : 'gauge';
}

/** As bytes are ordered, which is what receivers compare. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
