import { matchesGlob } from '../analyze/glob.js';
import type { MetricRecord } from '../record.js';

/** Names that are remembered; an agent can make up any number of them. */
const MAX_NAMES = 10_000;

/** Which metrics are told, and as what. */
export interface Selection {
  /** Patterns, one of which a metric must match; none allows all. */
  readonly allow: readonly string[];
  /** Patterns, none of which a metric may match. */
  readonly deny: readonly string[];
  /** New names. */
  readonly rename: ReadonlyMap<string, string>;
  /** Units in place of those that were stored, by the name that was. */
  readonly units: ReadonlyMap<string, string>;
}

/** What becomes of the records of one metric: it is undefined where they are left out. */
type Change = { readonly metric?: string; readonly unit?: string } | 'as it is' | undefined;

/** Leaves out and renames metrics, before anything is added up: what gets one name is one metric. */
export class Selector {
  readonly #selection: Selection;
  readonly #changes = new Map<string, Change>();
  /** Records that were left out. */
  left = 0;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  /** What is told of some records, in their order. */
  select(records: readonly MetricRecord[]): readonly MetricRecord[] {
    const { allow, deny, rename, units } = this.#selection;
    if (allow.length === 0 && deny.length === 0 && rename.size === 0 && units.size === 0) return records;
    const selected: MetricRecord[] = [];
    for (const record of records) {
      const change = this.#changeOf(record.metric);
      if (change === undefined) this.left += 1;
      else selected.push(change === 'as it is' ? record : { ...record, ...change });
    }
    return selected;
  }

  #changeOf(metric: string): Change {
    if (this.#changes.has(metric)) return this.#changes.get(metric);
    if (this.#changes.size >= MAX_NAMES) this.#changes.clear();
    const change = this.#decide(metric);
    this.#changes.set(metric, change);
    return change;
  }

  #decide(metric: string): Change {
    const { allow, deny, rename, units } = this.#selection;
    const matches = (pattern: string): boolean => matchesGlob(pattern, metric);
    if ((allow.length > 0 && !allow.some(matches)) || deny.some(matches)) return undefined;
    const name = rename.get(metric);
    const unit = units.get(metric);
    if (name === undefined && unit === undefined) return 'as it is';
    return { ...(name !== undefined && { metric: name }), ...(unit !== undefined && { unit }) };
  }
}
