import { MetricsError } from '../errors.js';
import { readChannelConfig } from './channels/read-config.js';
import { defaultRules } from './default-rules.js';
import { type Document, parseDocument } from './document.js';
import { Field } from './field.js';
import { type AlertLimits, readLimits } from './limits.js';
import { readRule } from './read-rule.js';
import type { Alerts, ChannelEntry, Grouping, Rule } from './rule.js';

const SECTION_FIELDS = ['rules', 'defaults', 'interval', 'grouping', 'channels', 'heartbeat'];
const MAX_RULES = 1000;
const DEFAULT_INTERVAL_MS = 30_000;
const CHANNEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** Messages a minute that a channel gets at most, where nothing else was said. */
export const DEFAULT_MAX_PER_MINUTE = 30;

/**
 * Rules, grouping and channels, checked. Made by {@link readAlerts} or {@link defaultAlerts}.
 *
 * @public
 */
export class AlertRules {
  readonly #alerts: Alerts;

  /** @internal */
  constructor(alerts: unknown) {
    this.#alerts = alerts as Alerts;
  }

  /** Names of the rules. */
  get names(): readonly string[] {
    return this.#alerts.rules.map(({ name }) => name);
  }

  /** Names of the channels; undefined where nothing was said of any. */
  get channels(): readonly string[] | undefined {
    return this.#alerts.channels && Object.keys(this.#alerts.channels);
  }

  /**
   * What is in rules, for this package.
   *
   * @internal
   */
  static _alerts(rules: AlertRules): unknown {
    return rules.#alerts;
  }
}

/** What is in rules. */
export function alertsOf(rules: AlertRules): Alerts {
  return AlertRules._alerts(rules) as Alerts;
}

/**
 * Reads rules from YAML or JSON: the section `alerts` of a config file, or a file that is nothing else.
 *
 * @param text - What is in the file.
 * @param file - Its name, for errors.
 * @param options - Limits of the rules out of the box.
 * @throws MetricsError `ERR_METRICS_OPTION` naming file, line, and what was expected; of several mistakes the first, and
 * how many more there are.
 *
 * @public
 */
export async function readAlerts(
  text: string,
  file: string,
  options: { readonly limits?: AlertLimits | undefined } = {},
): Promise<AlertRules> {
  const { rules, problems } = await checkAlerts(text, file, options);
  const [first, ...others] = problems;
  if (first === undefined && rules !== undefined) return rules;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new MetricsError('ERR_METRICS_OPTION', `${first ?? file}${more}`);
}

/** Reads rules, and finds the first mistake in each of them; rules only where there are none. */
export async function checkAlerts(
  text: string,
  file: string,
  { limits = {} }: { readonly limits?: AlertLimits | undefined } = {},
): Promise<{ readonly rules?: AlertRules; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MetricsError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const document = await parseDocument(text, file).catch((error: unknown) => {
    problems.push((error as Error).message);
    return undefined;
  });
  if (document === undefined) return { problems };
  const alerts = readSection(document, limits, problems, attempt);
  return problems.length === 0 && alerts !== undefined
    ? { rules: new AlertRules(alerts), problems }
    : { problems };
}

/**
 * The rules out of the box: coordination time above 10 s, delivery rate below 0.90, memory above 1000 MB, each by agent,
 * and those that watch the alerter, the writers and the archiver.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where a limit is no number above 0.
 *
 * @public
 */
export function defaultAlerts(limits: AlertLimits = {}): AlertRules {
  return new AlertRules({
    intervalMs: DEFAULT_INTERVAL_MS,
    rules: builtIn(limits),
    grouping: readGrouping(new Field(NO_DOCUMENT, [], {})),
    channels: undefined,
  } satisfies Alerts);
}

const NO_DOCUMENT: Document = { file: 'the rules out of the box', value: {}, lineOf: () => undefined };

type Attempt = <T>(read: () => T) => T | undefined;

function readSection(
  document: Document,
  limits: AlertLimits,
  problems: string[],
  attempt: Attempt,
): Alerts | undefined {
  const whole = new Field(document, [], document.value);
  const section = whole.at('alerts').given ? whole.at('alerts') : whole;
  attempt(() => {
    if (section.given) section.mapping(SECTION_FIELDS);
  });
  if (problems.length > 0) return undefined;
  const channels = attempt(() => readChannels(section.at('channels'), problems));
  const items = attempt(() => section.at('rules').items()) ?? [];
  if (items.length > MAX_RULES) attempt(() => section.at('rules').bad(`at most ${MAX_RULES} rules`));
  const seen = new Set<string>();
  const rules = items.slice(0, MAX_RULES).flatMap((item) => {
    const rule = attempt(() => readRule(item));
    if (rule === undefined) return [];
    attempt(() => {
      if (seen.has(rule.name)) item.at('name').bad('the name of one rule only');
      checkChannels(item.at('channels'), rule, channels);
    });
    seen.add(rule.name);
    return [rule];
  });
  const { value: defaults = true } = section.at('defaults');
  if (typeof defaults !== 'boolean') attempt(() => section.at('defaults').bad('true or false'));
  const base = defaults === false ? [] : builtIn(limits).filter(({ name }) => !seen.has(name));
  const heartbeat = attempt(() => readHeartbeat(section.at('heartbeat'), channels)) ?? [];
  const intervalMs = attempt(() => section.at('interval').duration(1000, 3_600_000, DEFAULT_INTERVAL_MS));
  const grouping = attempt(() => readGrouping(section.at('grouping')));
  if (intervalMs === undefined || grouping === undefined) return undefined;
  return { intervalMs, rules: [...rules, ...base, ...heartbeat], grouping, channels };
}

function builtIn(limits: AlertLimits): Rule[] {
  return defaultRules(readLimits(limits)).map((rule) => readRule(new Field(NO_DOCUMENT, [], rule)));
}

function readGrouping(field: Field): Grouping {
  if (field.given) field.mapping(['by', 'wait', 'interval']);
  return {
    by: field.at('by').given ? [...new Set(field.at('by').texts())] : ['alertname'],
    waitMs: field.at('wait').duration(0, 3_600_000, 0),
    // Nothing is new between two evaluations, so that they are an interval by themselves.
    intervalMs: field.at('interval').duration(0, 86_400_000, 0),
  };
}

function readChannels(field: Field, problems: string[]): Alerts['channels'] {
  if (!field.given) return undefined;
  const entries = field.entries().flatMap(([name, entry]): [string, ChannelEntry][] => {
    const { value } = entry;
    if (!CHANNEL_NAME.test(name)) {
      problems.push(`${entry.where}: the name must be of letters, digits and _ . -, at most 64`);
      return [];
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      // It may hold a secret, so it is not shown.
      problems.push(`${entry.where} must be a mapping`);
      return [];
    }
    const { maxPerMinute = DEFAULT_MAX_PER_MINUTE, ...config } = value as Record<string, unknown>;
    readChannelConfig(config, (path, message) => problems.push(`${entry.whereOf(path)} ${message}`));
    if (
      typeof maxPerMinute !== 'number' ||
      !Number.isInteger(maxPerMinute) ||
      maxPerMinute < 1 ||
      maxPerMinute > 6000
    ) {
      problems.push(`${entry.whereOf(['maxPerMinute'])} must be a whole number from 1 to 6000`);
      return [];
    }
    return [[name, { config, maxPerMinute, where: entry.where }]];
  });
  return Object.fromEntries(entries);
}

function checkChannels(field: Field, { channels }: Rule, known: Alerts['channels']): void {
  for (const [i, name] of (channels ?? []).entries()) {
    if (known !== undefined && Object.hasOwn(known, name)) continue;
    const names = known === undefined ? [] : Object.keys(known);
    const item = field.items()[i]!;
    item.bad(names.length === 0 ? 'a channel, and none is defined' : `one of ${names.join(', ')}`);
  }
}

/** A rule that always fires, so that somebody outside notices when it stops. */
function readHeartbeat(field: Field, known: Alerts['channels']): Rule[] {
  if (!field.given) return [];
  field.mapping(['channels', 'interval']);
  const rule: Rule = {
    name: 'Heartbeat',
    levels: [{ severity: 'info', condition: { kind: 'always' }, forMs: 0, keepFiringForMs: 0 }],
    groupBy: [],
    noData: { none: 'ok', vanished: 'ok' },
    forgetMs: 86_400_000,
    repeatMs: field.at('interval').duration(1000, 86_400_000, 60_000),
    labels: {},
    annotations: {
      summary: 'The alerter is alive',
      description: 'whoever stops hearing this should look after it',
    },
    channels: field.at('channels').texts(),
  };
  checkChannels(field.at('channels'), rule, known);
  return [rule];
}
