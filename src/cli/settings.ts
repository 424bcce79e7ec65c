import { MAX_SHARDS, DEFAULT_SHARDS } from '../environment.js';
import { shown } from '../options.js';
import { agentId, agentProblem } from '../record.js';
import { shardDirectory, type ShardDirectory } from '../store/directory.js';
import {
  ARCHIVE_KEYS,
  type ArchiveFlags,
  type ArchiveSettings,
  readArchiveSettings,
} from './archive/settings.js';
import { ALERT_KEYS, type AlertSettings, readAlertSettings } from './alert/settings.js';
import { type ConfigFile, loadConfig } from './config.js';
import { bad, fallback, firstGiven, type Given, type Place, type Setting } from './setting.js';

/** Every setting there is. */
export interface Settings {
  readonly directory: Setting<ShardDirectory>;
  readonly shards: Setting<number>;
  /** Undefined where each agent names itself by host and pid. */
  readonly agent: Setting<string | undefined>;
  /** What the archiver does, and where its archive is. */
  readonly archive: ArchiveSettings;
  /** Where the alerter keeps its state, and the limits of its rules out of the box. */
  readonly alert: AlertSettings;
  /** The config file, where there is one. */
  readonly config: string | undefined;
}

/** What flags say; undefined where they were not given. */
export interface SettingFlags extends ArchiveFlags {
  readonly dir?: string | undefined;
  readonly shards?: string | undefined;
  /** What `--state` says to `alert`; other commands have states of their own. */
  readonly alertState?: string | undefined;
}

const KEYS = ['directory', 'shards', 'agent', 'alerts', 'forward', ...ARCHIVE_KEYS, ...ALERT_KEYS];

/**
 * Reads all settings: a flag goes before the environment, that before the config file, that before the default.
 *
 * @remarks
 * All of them are checked, also those that a command does not use: what is wrong is found before it matters.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one of them, wherever it came from, is bad.
 */
export async function readSettings(flags: SettingFlags, env = process.env): Promise<Settings> {
  const config = await loadConfig(process.cwd());
  if (config !== undefined) checkKeys(config);
  const given = (place: Place): Given | undefined => firstGiven(place, env, config);
  const { dir, shards: number } = flags;
  const directory = given({ flag: 'dir', flagValue: dir, variable: 'CFN_METRICS_DIR', key: 'directory' });
  const shards = given({ flag: 'shards', flagValue: number, variable: 'CFN_METRICS_SHARDS', key: 'shards' });
  const agent = given({ variable: 'CFN_AGENT_ID', key: 'agent' });
  const place = shardDirectory(directory && text(directory));
  return {
    directory: { value: place, source: directory?.source ?? 'default' },
    shards: shards === undefined ? fallback(DEFAULT_SHARDS) : { ...shards, value: shardCount(shards) },
    agent: agent === undefined ? fallback(undefined) : { ...agent, value: agentName(agent) },
    archive: readArchiveSettings(flags, env, config),
    alert: readAlertSettings(flags.alertState, place.path, env, config),
    config: config?.path,
  };
}

/** The directory as the readers of the store take it: named only where somebody named it. */
export function namedDirectory({ directory }: Settings): string | undefined {
  return directory.value.explicit ? directory.value.path : undefined;
}

function text({ name, value }: Given): string {
  if (typeof value === 'string' && value !== '') return value;
  throw bad(`${name} must be a path, got ${shown(value)}`);
}

function shardCount({ name, value }: Given): number {
  const count = typeof value === 'string' && /^[0-9]{1,4}$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MAX_SHARDS) return count;
  throw bad(`${name} must be a whole number from 1 to ${MAX_SHARDS}, got ${shown(value)}`);
}

function agentName({ name, value }: Given): string {
  const id = typeof value === 'string' || typeof value === 'number' ? agentId(value) : value;
  const problem = agentProblem(id);
  if (problem === undefined) return id as string;
  throw bad(`${name}: ${problem}`);
}

function checkKeys({ path, values }: ConfigFile): void {
  const unknown = Object.keys(values).find((key) => !KEYS.includes(key));
  if (unknown === undefined) return;
  throw bad(`${path} has an unknown setting ${shown(unknown)}; there are ${KEYS.join(', ')}`);
}
