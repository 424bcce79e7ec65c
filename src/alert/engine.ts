import { awaitAgain, isAwaited } from './absence.js';
import type { GroupKey } from '../analyze/options.js';
import { looksForAbsence, needsOf } from './condition.js';
import { groupKeyOf, type Measure, Measurements, type Need } from './measurements.js';
import type { Rule } from './rule.js';
import type { Instance } from './state.js';
import { type AlertRule, isForgotten, stepAlert } from './step.js';
import { isWorse } from './need.js';
import { SEVERITIES } from './notification.js';

/** Alerts that are remembered at most; what agents call themselves has no bound of its own. */
const MAX_INSTANCES = 20_000;

/** One moment at which rules are evaluated. */
export interface Moment {
  /** Unix milliseconds. */
  readonly now: number;
  /** When they were evaluated before; -Infinity where they never were. */
  readonly previous: number;
  /**
   * Whether it was missed, and is evaluated afterwards. What is not in the files may have been there: those of an earlier boot
   * are gone, and whoever stores metrics may have been away as well. So nothing is made of what is missing.
   *
   * @defaultValue false
   */
  readonly missed?: boolean;
  /** When they were evaluated last before moments were missed, where this is the first one after those. */
  readonly awaySince?: number | undefined;
  /** Who answers for rules that group like this. */
  readonly measureBy: (groupBy: readonly GroupKey[]) => Measure;
}

/** What an evaluation changed about an alert that fires, or did. */
export interface Change {
  readonly type: 'fired' | 'escalated' | 'resolved';
  readonly instance: Instance;
}

interface RuleState extends AlertRule {
  readonly needs: readonly Need[];
  /** The windows that it looks at, each in milliseconds. */
  readonly windows: readonly number[];
  /** By the key of the group. */
  readonly instances: Map<string, Instance>;
}

/** The rules and the state of their alerts. Opens nothing, and knows no clock. */
export class Engine {
  #rules: RuleState[] = [];
  /** Alerts of rules that are gone, until everybody was told that they are over. */
  readonly #leftover = new Map<string, Instance>();
  #overflow = 0;

  /** Starts with rules, and what is known of their alerts from before. */
  constructor(rules: readonly Rule[], instances: Iterable<Instance> = [], now = 0) {
    this.setRules(rules, now, instances);
  }

  /** Alerts that had no room. */
  get overflow(): number {
    return this.#overflow;
  }

  /** All that is known. */
  *instances(): Generator<Instance> {
    for (const { instances } of this.#rules) yield* instances.values();
    yield* this.#leftover.values();
  }

  /** The rule of a name. */
  rule(name: string): Rule | undefined {
    return this.#rules.find(({ rule }) => rule.name === name)?.rule;
  }

  /** How many alerts are known. */
  get size(): number {
    return this.#rules.reduce((sum, { instances }) => sum + instances.size, this.#leftover.size);
  }

  /** Takes other rules. What has the same name and groups alike goes on; what is gone resolves. */
  setRules(rules: readonly Rule[], now: number, instances: Iterable<Instance> = [...this.instances()]): void {
    const known = [...instances];
    const byRule = new Map<string, Instance[]>();
    for (const instance of known) {
      const siblings = byRule.get(instance.rule);
      if (siblings === undefined) byRule.set(instance.rule, [instance]);
      else siblings.push(instance);
    }
    this.#leftover.clear();
    this.#rules = rules.map((rule) => {
      const kept = new Map<string, Instance>();
      for (const instance of byRule.get(rule.name) ?? []) {
        // A key that stands for no group is that of the rule without any series.
        const whole = Object.keys(instance.group).length === 0;
        if (!whole && !groupsLike(rule, instance)) continue;
        kept.set(whole ? '' : groupKeyOf(instance.group, rule.groupBy), withoutLevels(rule, instance));
      }
      const conditions = rule.levels.map(({ condition }) => condition);
      const policies = [rule.noData.none, rule.noData.vanished];
      const needs = conditions.flatMap(needsOf);
      return {
        rule,
        needs,
        windows: needs.map(({ windowMs }) => windowMs),
        remembers: policies.includes('alert') || conditions.some(looksForAbsence),
        instances: kept,
      };
    });
    const going = new Set([...this.instances()].map((instance) => instance.fingerprint));
    for (const instance of known) {
      if (going.has(instance.fingerprint) || instance.startsAt === null) continue;
      const over = instance.status === 'firing' ? { status: 'resolved' as const, endsAt: now } : {};
      if (instance.status === 'firing' || instance.status === 'resolved')
        this.#leftover.set(instance.fingerprint, { ...instance, ...over, levels: {} });
    }
  }

  /** Everybody was told that an alert is over. */
  settle({ fingerprint: id, rule, group }: Instance): void {
    this.#leftover.delete(id);
    const state = this.#rules.find((candidate) => candidate.rule.name === rule);
    if (state === undefined) return;
    const key = Object.keys(group).length === 0 ? '' : groupKeyOf(group, state.rule.groupBy);
    const instance = state.instances.get(key);
    if (instance?.status !== 'resolved') return;
    const pending = SEVERITIES.find((severity) => instance.levels[severity] !== undefined);
    if (pending === undefined && !state.remembers) state.instances.delete(key);
    else state.instances.set(key, { ...instance, status: pending === undefined ? 'inactive' : 'pending' });
  }

  /** Evaluates all rules, and says what changed. */
  evaluate(moment: Moment): Change[] {
    const needs = new Map<string, Need[]>();
    for (const { rule, needs: some } of this.#rules) {
      const key = rule.groupBy.join(' ');
      needs.set(key, [...(needs.get(key) ?? []), ...some]);
    }
    const measurements = new Map<string, Measurements>();
    const changes: Change[] = [];
    for (const state of this.#rules) {
      const { groupBy } = state.rule;
      const key = groupBy.join(' ');
      let measured = measurements.get(key);
      if (measured === undefined) {
        const { now, previous } = moment;
        measured = new Measurements(groupBy, needs.get(key)!, moment.measureBy(groupBy), now, previous);
        measurements.set(key, measured);
      }
      this.#evaluate(state, measured, moment, changes);
    }
    return changes;
  }

  #evaluate(
    state: RuleState,
    measurements: Measurements,
    { now, missed = false, awaySince }: Moment,
    changes: Change[],
  ): void {
    const { rule, needs, windows, instances, remembers } = state;
    if (remembers && awaySince !== undefined) awaitAgain(instances, windows, awaySince, now);
    const present = presentIn(measurements, needs);
    const gone = [...instances.keys()].filter((key) => !present.has(key));
    // Without a group to ask for, and where there is none, the rule is asked as a whole.
    const whole =
      rule.groupBy.length === 0 || (present.size === 0 && gone.length === 0 && rule.noData.none === 'alert');
    if (whole && !present.has('') && !gone.includes('')) gone.push('');
    let { size } = this;
    for (const keys of missed && remembers ? [present.keys()] : [present.keys(), gone]) {
      for (const key of keys) {
        const before = instances.get(key);
        const awaited = remembers && (missed || (before !== undefined && isAwaited(before, windows, now)));
        if (awaited && keys === gone) continue;
        const group = { key, seen: keys !== gone, others: present.size > 0, awaited };
        const after = stepAlert(state, measurements, group, before, now);
        const wanted =
          after !== undefined &&
          (after.status !== 'inactive' || (remembers && !isForgotten(rule, after, now)));
        if (before === undefined && wanted && size >= MAX_INSTANCES) {
          this.#overflow += 1;
          continue;
        }
        if (wanted) {
          instances.set(key, after);
          if (before === undefined) size += 1;
        } else if (instances.delete(key)) size -= 1;
        const type = after && changeOf(before, after);
        if (type !== undefined) changes.push({ type, instance: after! });
      }
    }
  }
}

/** The keys of the groups that are there. */
interface Present {
  readonly size: number;
  has(key: string): boolean;
  keys(): Iterable<string>;
}

function presentIn(measurements: Measurements, needs: readonly Need[]): Present {
  const [first, ...others] = needs.map(({ metric, windowMs }) => measurements.groups(metric, windowMs));
  // Nearly all rules look at one metric, in one or several levels.
  if (first !== undefined && others.every((groups) => groups === first)) return first;
  return new Set([first, ...others].flatMap((groups) => [...(groups?.keys() ?? [])]));
}

function changeOf(before: Instance | undefined, after: Instance): Change['type'] | undefined {
  if (after.status === 'firing') {
    if (before?.status !== 'firing') return 'fired';
    return isWorse(after.severity, before.severity) ? 'escalated' : undefined;
  }
  return after.status === 'resolved' && before?.status === 'firing' ? 'resolved' : undefined;
}

function groupsLike(rule: Rule, { group }: Instance): boolean {
  const names = rule.groupBy.map((key) => key.replace(/^attr:/, ''));
  return Object.keys(group).every((name) => names.includes(name));
}

function withoutLevels(rule: Rule, instance: Instance): Instance {
  const kept = Object.entries(instance.levels).filter(([severity]) =>
    rule.levels.some((level) => level.severity === severity),
  );
  return { ...instance, levels: Object.fromEntries(kept) };
}
