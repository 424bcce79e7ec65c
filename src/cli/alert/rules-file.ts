import { readFileSync } from 'node:fs';
import { type AlertRules, checkAlerts, defaultAlerts, readAlerts } from '../../alert/rules.js';
import { fileVersion } from '../../alert/file-version.js';
import { type AlertLimits, DEFAULT_ARCHIVE_LAG_SECONDS } from '../../alert/limits.js';
import { MetricsError } from '../../errors.js';
import { loadConfig } from '../config.js';
import { readArchiveSettings } from '../archive/settings.js';
import { readAlertLimits } from './settings.js';

/** Where rules come from: the file that was named, else the config file that has some, else those out of the box. */
export class RulesFile {
  /** The file; undefined for the rules out of the box. */
  readonly path: string | undefined;
  readonly #limits: AlertLimits;
  #version: string;

  private constructor(path: string | undefined, limits: AlertLimits) {
    this.path = path;
    this.#limits = limits;
    this.#version = versionOf(path);
  }

  /**
   * Finds it.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` where a limit in the environment or the config file is no number.
   */
  static async find(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<RulesFile> {
    const config = await loadConfig(process.cwd());
    const alerts = config?.values['alerts'] ?? undefined;
    const path = flag ?? (alerts === undefined ? undefined : config?.path);
    // Who archives every hour has no trouble when the archive is three quarters of an hour behind.
    const { syncInterval } = readArchiveSettings({}, env, config);
    const archiveLagSeconds = Math.max(DEFAULT_ARCHIVE_LAG_SECONDS, syncInterval.value / 1000 + 60);
    return new RulesFile(path, { ...readAlertLimits(env, config), archiveLagSeconds });
  }

  /**
   * Reads the rules.
   *
   * @throws MetricsError `ERR_METRICS_OPTION` naming file and line.
   */
  async read(): Promise<AlertRules> {
    this.#version = versionOf(this.path);
    if (this.path === undefined) return defaultAlerts(this.#limits);
    return readAlerts(readText(this.path), this.path, { limits: this.#limits });
  }

  /** What is wrong, of each rule the first mistake; the rules where there is none. */
  async check(): Promise<{ readonly rules: AlertRules | undefined; readonly problems: readonly string[] }> {
    if (this.path === undefined) return { rules: defaultAlerts(this.#limits), problems: [] };
    const { rules, problems } = await checkAlerts(readText(this.path), this.path, { limits: this.#limits });
    return { rules, problems };
  }

  /** Whether the file is another one than when it was read. One that is gone is not: it may be on its way. */
  hasChanged(): boolean {
    const version = versionOf(this.path);
    return version !== '' && version !== this.#version;
  }
}

/** The text of a file that somebody named. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new MetricsError('ERR_METRICS_OPTION', `${path} cannot be read: ${code}`, { cause: error });
  }
}

function versionOf(path: string | undefined): string {
  return path === undefined ? '' : fileVersion(path);
}
