import { MetricsError } from '../errors.js';
import type { ConfigFile } from './config.js';

/** The value of a setting and where it came from. */
export interface Setting<T> {
  readonly value: T;
  /** For people: `--dir`, `CFN_METRICS_DIR`, the path of the config file, or `default`. */
  readonly source: string;
}

/** What somebody said, not looked at yet. */
export interface Given extends Setting<unknown> {
  /** As an error names it. */
  readonly name: string;
}

/** Where a setting may stand. */
export interface Place {
  /** Without its dashes. */
  readonly flag?: string;
  /** What the flag says; undefined where it was not given. */
  readonly flagValue?: string | readonly string[] | undefined;
  readonly variable: string;
  readonly key: string;
}

/** Finds the first of flag, variable and config file that says something; undefined where none does. */
export function firstGiven(
  { flag, flagValue, variable, key }: Place,
  env: NodeJS.ProcessEnv,
  config: ConfigFile | undefined,
): Given | undefined {
  if (flagValue !== undefined) return { value: flagValue, source: `--${flag}`, name: `--${flag}` };
  const set = env[variable];
  // an empty variable is an unset one
  if (set !== undefined && set !== '') return { value: set, source: variable, name: variable };
  const configured = config?.values[key];
  if (config === undefined || configured === undefined || configured === null) return undefined;
  return { value: configured, source: config.path, name: `${key} in ${config.path}` };
}

/** A setting of which nobody said anything. */
export function fallback<T>(value: T): Setting<T> {
  return { value, source: 'default' };
}

/** The error for what somebody typed. */
export function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
