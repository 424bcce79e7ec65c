import { type Rotation, ROTATIONS } from '../../archive/rotation.js';
import { shown } from '../../options.js';
import type { ConfigFile } from '../config.js';
import { bad, firstGiven, type Given, type Setting } from '../setting.js';
import { LONGEST_TIME, LONGEST_TIMER, parseBytes, parseCount, parseDuration, readBytes } from './amounts.js';
import { defaultArchive } from './location.js';

/** A setting, and how people write its value. */
export interface ShownSetting<T> extends Setting<T> {
  readonly shown: string | number;
}

/** When shards are sealed. */
export interface RotationSetting {
  readonly rotate?: Rotation;
  readonly rotateBytes?: number;
}

/** Every setting of the archiver; undefined stands for what the archiver does by default. */
export interface ArchiveSettings {
  readonly archive: ShownSetting<string>;
  readonly syncInterval: ShownSetting<number>;
  readonly rotate: ShownSetting<RotationSetting>;
  readonly retentionDays: ShownSetting<number | undefined>;
  readonly maxArchiveBytes: ShownSetting<number | undefined>;
  readonly hotRetention: ShownSetting<number | undefined>;
  readonly maxHotBytes: ShownSetting<number | undefined>;
  readonly healthPort: ShownSetting<number | undefined>;
}

/** What flags say about the archive. */
export interface ArchiveFlags {
  readonly archive?: string | undefined;
  readonly interval?: string | undefined;
  readonly rotate?: readonly string[] | undefined;
  readonly 'retention-days'?: string | undefined;
  readonly 'max-archive-bytes'?: string | undefined;
  readonly 'hot-retention'?: string | undefined;
  readonly 'max-hot-bytes'?: string | undefined;
  readonly 'health-port'?: string | undefined;
}

/** Names in the config file. */
export const ARCHIVE_KEYS = [
  'archive',
  'syncInterval',
  'rotate',
  'retentionDays',
  'maxArchiveBytes',
  'hotRetention',
  'maxHotBytes',
  'healthPort',
] as const satisfies readonly (keyof ArchiveSettings)[];

/** What counts where nobody says otherwise. */
const DEFAULT_INTERVAL_MS = 300_000;

/**
 * Reads the settings of the archiver.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one of them is bad.
 */
export function readArchiveSettings(
  flags: ArchiveFlags,
  env: NodeJS.ProcessEnv,
  config: ConfigFile | undefined,
): ArchiveSettings {
  const read = <T>(
    key: (typeof ARCHIVE_KEYS)[number],
    flag: keyof ArchiveFlags,
    variable: string,
    parse: (given: Given) => T,
    none: { readonly value: T; readonly shown: string | number },
  ): ShownSetting<T> => {
    const given = firstGiven({ flag, flagValue: flags[flag], variable, key }, env, config);
    if (given === undefined) return { ...none, source: 'default' };
    return { value: parse(given), shown: written(given.value), source: given.source };
  };
  const time =
    (least: string, most: string) =>
    ({ name, value }: Given): number =>
      parseDuration(name, value, [least, most]) as number;
  const bytes = ({ name, value }: Given): number | undefined => parseBytes(name, value);
  const count =
    (min: number, max: number) =>
    ({ name, value }: Given): number | undefined =>
      parseCount(name, value, min, max);
  const directory = defaultArchive(env);
  return {
    archive: read('archive', 'archive', 'CFN_METRICS_ARCHIVE_DIR', path, {
      value: directory,
      shown: directory,
    }),
    syncInterval: read('syncInterval', 'interval', 'CFN_METRICS_SYNC_INTERVAL', time('10ms', LONGEST_TIMER), {
      value: DEFAULT_INTERVAL_MS,
      shown: '5m',
    }),
    rotate: read<RotationSetting>('rotate', 'rotate', 'CFN_METRICS_ROTATE', rotation, {
      value: {},
      shown: 'daily',
    }),
    retentionDays: read('retentionDays', 'retention-days', 'CFN_METRICS_RETENTION_DAYS', count(1, 100_000), {
      value: undefined,
      shown: 30,
    }),
    maxArchiveBytes: read(
      ...(['maxArchiveBytes', 'max-archive-bytes', 'CFN_METRICS_MAX_ARCHIVE_BYTES', bytes] as const),
      { value: undefined, shown: 'no bound' },
    ),
    hotRetention: read<number | undefined>(
      ...(['hotRetention', 'hot-retention', 'CFN_METRICS_HOT_RETENTION', time('0s', LONGEST_TIME)] as const),
      { value: undefined, shown: '24h' },
    ),
    maxHotBytes: read('maxHotBytes', 'max-hot-bytes', 'CFN_METRICS_MAX_HOT_BYTES', bytes, {
      value: undefined,
      shown: 'half of the RAM disk, at most 512MiB',
    }),
    healthPort: read('healthPort', 'health-port', 'CFN_METRICS_HEALTH_PORT', count(1, 65_535), {
      value: undefined,
      shown: 'none',
    }),
  };
}

function written(value: unknown): string | number {
  return typeof value === 'number' ? value : Array.isArray(value) ? value.join(', ') : String(value);
}

function path({ name, value }: Given): string {
  if (typeof value === 'string' && value !== '') return value;
  throw bad(`${name} must be a path, got ${shown(value)}`);
}

/** Words and a size; in a variable with commas between them. */
function rotation({ name, value }: Given): RotationSetting {
  const texts = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
  let chosen: RotationSetting = {};
  for (const each of texts as unknown[]) {
    const text = typeof each === 'string' ? each.trim() : each;
    const rotate = ROTATIONS.find((word) => word === text);
    const rotateBytes = readBytes(text);
    if (rotate !== undefined) chosen = { ...chosen, rotate };
    else if (rotateBytes !== undefined) chosen = { ...chosen, rotateBytes };
    else throw bad(`${name} must be daily, hourly or a size such as 64MiB, got ${shown(text)}`);
  }
  return chosen;
}
