import { type AlertLimits, readLimits } from '../../alert/limits.js';
import { shown } from '../../options.js';
import type { ConfigFile } from '../config.js';
import { bad, firstGiven, type Given, type Setting } from '../setting.js';
import { stateOf } from '../user-state.js';

/** Every setting of the alerter beside its rules and channels. */
export interface AlertSettings {
  /** Where state and silences are kept. */
  readonly alertState: Setting<string>;
  readonly alertCoordinationTimeMs: Setting<number>;
  readonly alertDeliveryRate: Setting<number>;
  readonly alertMemoryMb: Setting<number>;
}

/** Names in the config file. */
export const ALERT_KEYS = [
  'alertState',
  'alertCoordinationTimeMs',
  'alertDeliveryRate',
  'alertMemoryMb',
] as const satisfies readonly (keyof AlertSettings)[];

/** Variables and keys of the limits of the rules out of the box. */
const LIMITS = {
  coordinationTimeMs: ['CFN_METRICS_ALERT_COORDINATION_TIME_MS', 'alertCoordinationTimeMs'],
  deliveryRate: ['CFN_METRICS_ALERT_DELIVERY_RATE', 'alertDeliveryRate'],
  memoryMb: ['CFN_METRICS_ALERT_MEMORY_MB', 'alertMemoryMb'],
} as const;

/**
 * Reads the settings of the alerter.
 *
 * @param state - What its flag says about its state directory.
 * @param shards - Where the shards are: each place of them has a state of its own by default.
 * @throws MetricsError `ERR_METRICS_OPTION` where one of them is bad.
 */
export function readAlertSettings(
  state: string | undefined,
  shards: string,
  env: NodeJS.ProcessEnv,
  config: ConfigFile | undefined,
): AlertSettings {
  const place = { flag: 'state', flagValue: state, variable: 'CFN_METRICS_ALERT_DIR', key: 'alertState' };
  const given = firstGiven(place, env, config);
  return {
    alertState: {
      value: given === undefined ? stateOf('alert', shards, env) : path(given),
      source: given?.source ?? 'default',
    },
    alertCoordinationTimeMs: limit('coordinationTimeMs', env, config),
    alertDeliveryRate: limit('deliveryRate', env, config),
    alertMemoryMb: limit('memoryMb', env, config),
  };
}

/** The limits of the rules out of the box that have a setting. */
export function readAlertLimits(env: NodeJS.ProcessEnv, config: ConfigFile | undefined): AlertLimits {
  const names = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
  return Object.fromEntries(names.map((name) => [name, limit(name, env, config).value]));
}

function limit(
  name: keyof typeof LIMITS,
  env: NodeJS.ProcessEnv,
  config: ConfigFile | undefined,
): Setting<number> {
  const [variable, key] = LIMITS[name];
  const given = firstGiven({ variable, key }, env, config);
  if (given === undefined) return { value: readLimits({})[name], source: 'default' };
  return { value: numberIn(given, name === 'deliveryRate' ? 1 : Infinity), source: given.source };
}

function numberIn({ name, value }: Given, most: number): number {
  const text = typeof value === 'string' ? value.trim() : value;
  const number = typeof text === 'string' && text !== '' ? Number(text) : text;
  if (typeof number === 'number' && number > 0 && number <= most && Number.isFinite(number)) return number;
  const range = most === 1 ? 'a number above 0 and at most 1' : 'a number above 0';
  throw bad(`${name} must be ${range}, got ${shown(value)}`);
}

function path({ name, value }: Given): string {
  if (typeof value === 'string' && value !== '') return value;
  throw bad(`${name} must be a path, got ${shown(value)}`);
}
