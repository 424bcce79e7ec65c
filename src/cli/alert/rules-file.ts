import { readFileSync, statSync } from 'node:fs';
import { type AlertRules, checkAlerts, defaultAlerts, readAlerts } from '../../alert/rules.js';
import type { AlertLimits } from '../../alert/limits.js';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';
import { loadConfig } from '../config.js';

const LIMITS: Readonly<Record<keyof AlertLimits, string>> = {
  coordinationTimeMs: 'CFN_METRICS_ALERT_COORDINATION_TIME_MS',
  deliveryRate: 'CFN_METRICS_ALERT_DELIVERY_RATE',
  memoryMb: 'CFN_METRICS_ALERT_MEMORY_MB',
};

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
   * @throws MetricsError `ERR_METRICS_OPTION` where a limit in the environment is no number.
   */
  static async find(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<RulesFile> {
    const config = flag === undefined ? await loadConfig(process.cwd()) : undefined;
    const alerts = config?.values['alerts'] ?? undefined;
    const path = flag ?? (alerts === undefined ? undefined : config?.path);
    return new RulesFile(path, readLimitVariables(env));
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

  /** All that is wrong with the rules, and how many there are. */
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
  const stat = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}

function readLimitVariables(env: NodeJS.ProcessEnv): AlertLimits {
  const limits = Object.entries(LIMITS).flatMap(([limit, variable]) => {
    const text = env[variable];
    if (text === undefined || text === '') return [];
    const value = Number(text);
    if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return [[limit, value] as const];
    throw new MetricsError('ERR_METRICS_OPTION', `${variable} must be a number above 0, got ${shown(text)}`);
  });
  return Object.fromEntries(limits);
}
