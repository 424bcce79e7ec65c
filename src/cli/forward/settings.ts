import { readSecret, type Secret } from '../../alert/channels/secret.js';
import type { ForwarderOptions } from '../../forward/options.js';
import { shown } from '../../options.js';
import { LONGEST_TIMER, parseCount, parseDuration } from '../archive/amounts.js';
import type { ConfigFile } from '../config.js';
import { bad } from '../setting.js';
import { nearest } from '../suggest.js';
import { stateOf } from '../user-state.js';
import { type BackendKind, BACKENDS } from './backends.js';

/** What can be said for all backends, and in the section of one for it alone. */
const GENERAL = [
  ...[
    'interval',
    'raw',
    'perAgent',
    'gauges',
    'allow',
    'deny',
    'rename',
    'units',
    'host',
    'resource',
    'from',
  ],
  ...['maxSeries', 'resend', 'timeout', 'maxBackoff', 'maxDeadLetterBytes', 'gaugeMaxAge'],
] as const;

/** Options of a forwarder, as the config file has them. */
type General = Partial<Record<(typeof GENERAL)[number], unknown>>;

/** What the section `forward` of the config file says. */
export interface ForwardConfig {
  readonly to: readonly string[] | undefined;
  readonly state: string | undefined;
  readonly general: General;
  readonly sections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/**
 * Reads the section `forward` of the config file.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where it has something that does not belong there.
 */
export function readForwardConfig(config: ConfigFile | undefined): ForwardConfig {
  const where = `forward in ${config?.path ?? ''}`;
  const { to, state, ...rest } = mapping(where, config?.values['forward'] ?? {});
  const names = typeof to === 'string' ? [to] : to;
  if (names !== undefined && !isTexts(names))
    throw bad(`to of ${where} must be a list of backends, got ${shown(to)}`);
  if (state !== undefined && typeof state !== 'string') {
    throw bad(`state of ${where} must be a path, got ${shown(state)}`);
  }
  const sections: Record<string, Readonly<Record<string, unknown>>> = {};
  const general: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    if (Object.hasOwn(BACKENDS, key)) {
      sections[key] = mapping(`${key} of ${where}`, value ?? {});
      checkKeys(`${key} of ${where}`, sections[key], [...GENERAL, ...BACKENDS[key]!.options]);
    } else general[key] = value;
  }
  checkKeys(where, general, ['to', 'state', ...GENERAL, ...Object.keys(BACKENDS)], GENERAL);
  return { to: names, state, general, sections };
}

/** The kind of backend of a name. */
export function backendKind(name: string): BackendKind {
  if (Object.hasOwn(BACKENDS, name)) return BACKENDS[name]!;
  const names = Object.keys(BACKENDS);
  const guess = nearest(name, names);
  const hint = guess === undefined ? `there are ${names.join(', ')}` : `did you mean ${guess}?`;
  throw bad(`--to ${shown(name)} is no backend; ${hint}`);
}

/** The options of a backend in its section, with its secrets read from the variables and files that they name. */
export function backendOptions(
  name: string,
  section: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv,
): Record<string, unknown> {
  const { options } = backendKind(name);
  const own = Object.entries(section).filter(([key, value]) => options.includes(key) && value !== null);
  return Object.fromEntries(
    own.map(([key, value]) => [key, withSecrets(`forward.${name}.${key}`, value, env)]),
  );
}

/** What a forwarder is told of what is said in general and for its backend. */
export function forwarderOptions(said: General): Partial<ForwarderOptions> {
  const { interval, resend, timeout, maxBackoff, gaugeMaxAge, maxSeries, maxDeadLetterBytes, ...same } = said;
  const ms = (key: string, value: unknown, least: string, most = LONGEST_TIMER): number | undefined =>
    parseDuration(key, value ?? undefined, [least, most]);
  const count = (key: string, value: unknown): number | undefined =>
    parseCount(key, value ?? undefined, 0, 999_999_999);
  for (const key of ['raw', 'perAgent'] as const) {
    const value = same[key];
    if (value !== undefined && typeof value !== 'boolean')
      throw bad(`${key} must be true or false, got ${shown(value)}`);
  }
  return {
    ...(withoutNull(same) as Partial<ForwarderOptions>),
    intervalMs: ms('interval', interval, '100ms', '1h'),
    resendMs: ms('resend', resend, '100ms'),
    timeoutMs: ms('timeout', timeout, '10ms', '10m'),
    maxBackoffMs: ms('maxBackoff', maxBackoff, '10ms', '1h'),
    gaugeMaxAgeMs: ms('gaugeMaxAge', gaugeMaxAge, '1ms'),
    maxSeries: count('maxSeries', maxSeries),
    maxDeadLetterBytes: count('maxDeadLetterBytes', maxDeadLetterBytes),
  };
}

/**
 * Where positions, totals and unsent points are: the flag, then CFN_METRICS_FORWARD_DIR, then the config file, then the
 * user's state directory, in which each directory of shards has its own.
 */
export function forwardState(
  flag: string | undefined,
  configured: string | undefined,
  shards: string,
  env: NodeJS.ProcessEnv,
): string {
  const { CFN_METRICS_FORWARD_DIR: named = '' } = env;
  if (flag !== undefined) return flag;
  if (named !== '') return named;
  if (configured !== undefined) return configured;
  return stateOf('forward', shards, env);
}

/** Reads `NAME=VALUE` flags. */
export function pairs(
  flag: string,
  texts: readonly string[] | undefined,
): Record<string, string> | undefined {
  if (texts === undefined) return undefined;
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      // a value may be a secret
      if (at < 1) throw bad(`${flag} must be NAME=VALUE`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function withSecrets(where: string, value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  const [[key, name] = []] = entries;
  if (entries.length === 1 && (key === 'env' || key === 'file') && typeof name === 'string') {
    return readSecret(where, value as Secret, env);
  }
  return Object.fromEntries(
    entries.map(([each, part]) => [each, withSecrets(`${where}.${each}`, part, env)]),
  );
}

function mapping(where: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw bad(`${where} must be a mapping of settings`);
}

function checkKeys(
  where: string,
  values: Readonly<Record<string, unknown>>,
  known: readonly string[],
  allowed: readonly string[] = known,
): void {
  const unknown = Object.keys(values).find((key) => !allowed.includes(key));
  if (unknown !== undefined) {
    throw bad(`${where} has an unknown setting ${shown(unknown)}; there are ${known.join(', ')}`);
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function withoutNull(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));
}
