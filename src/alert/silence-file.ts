import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MetricsError } from '../errors.js';
import { StateLock } from '../store/state-lock.js';
import { fileVersion } from './file-version.js';
import { MATCH_OPERATORS, type Matcher, type Silence } from './silence.js';
import { replaceFile } from '../store/replace-file.js';

/** The file of the silences, in the state directory. */
const NAME = 'silences.json';
const LOCK = 'silences.lock';
/** Silences that are kept at most, and for how long after their end. */
const MAX_SILENCES = 1000;
const KEEP_MS = 7 * 86_400_000;
/** For how long somebody else may be changing them. */
const LOCK_MS = 5000;

/**
 * The silences of a state directory; none where there is no file.
 *
 * @throws MetricsError `ERR_METRICS_STORE` where the file is damaged.
 */
export function readSilences(directory: string): readonly Silence[] {
  const path = join(directory, NAME);
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (Array.isArray(json) && json.every(isSilence)) return json;
  throw new MetricsError('ERR_METRICS_STORE', `${path} is damaged: remove it, all silences are lost then`);
}

/** Changes the silences, one at a time whoever else does. */
export async function changeSilences<T>(
  directory: string,
  now: number,
  change: (silences: Silence[]) => T,
): Promise<T> {
  const lock = await acquire(directory);
  try {
    const silences = readSilences(directory).filter(({ endsAt }) => now - endsAt < KEEP_MS);
    const result = change(silences);
    if (silences.length > MAX_SILENCES) {
      throw new MetricsError('ERR_METRICS_OPTION', `there are ${MAX_SILENCES} silences already: expire some`);
    }
    replaceFile(join(directory, NAME), [`${JSON.stringify(silences, null, 2)}\n`]);
    return result;
  } finally {
    lock.release();
  }
}

/** A new id for a silence. */
export function newSilenceId(): string {
  return randomBytes(4).toString('hex');
}

/** The silences as they are now; the file is read again only where it changed. */
export class SilenceReader {
  readonly #directory: string;
  #version = '';
  #silences: readonly Silence[] = [];

  /** Reads nothing yet. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Reads them. Where that fails, those that were read before count.
   *
   * @returns What is wrong, where something is new and is wrong.
   */
  refresh(): string | undefined {
    const version = fileVersion(join(this.#directory, NAME));
    if (version === this.#version) return undefined;
    this.#version = version;
    try {
      this.#silences = readSilences(this.#directory);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** What was read last. */
  get silences(): readonly Silence[] {
    return this.#silences;
  }
}

async function acquire(directory: string): Promise<StateLock> {
  const end = performance.now() + LOCK_MS;
  for (;;) {
    try {
      return StateLock.acquire(directory, LOCK);
    } catch (error) {
      if (!(error instanceof MetricsError) || performance.now() >= end) throw error;
      await delay(20);
    }
  }
}

function isSilence(json: unknown): json is Silence {
  if (typeof json !== 'object' || json === null) return false;
  const { id, matchers, author, comment, startsAt, endsAt } = json as Record<string, unknown>;
  const texts = [id, author, comment].every((text) => typeof text === 'string');
  const times = [startsAt, endsAt].every((time) => typeof time === 'number');
  return texts && times && Array.isArray(matchers) && matchers.length > 0 && matchers.every(isMatcher);
}

function isMatcher(json: unknown): json is Matcher {
  if (typeof json !== 'object' || json === null) return false;
  const { label, operator, value } = json as Record<string, unknown>;
  return (
    typeof label === 'string' &&
    typeof value === 'string' &&
    MATCH_OPERATORS.some((candidate) => candidate === operator)
  );
}
