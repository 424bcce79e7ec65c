import { readFileSync } from 'node:fs';
import { replaceFile } from '../store/replace-file.js';
import type { ChannelMemory } from './memory.js';
import { readMemory, storedMemory } from './memory.js';
import { SEVERITIES, type Severity } from './notification.js';
import type { Instance, LevelState } from './state.js';

/** What an alerter knows between two runs. */
export interface AlerterState {
  /** When rules were evaluated last; -Infinity where they never were. */
  readonly evaluatedAt: number;
  readonly instances: readonly Instance[];
  /** By name of the channel. */
  readonly channels: ReadonlyMap<string, ChannelMemory>;
}

/** What the file is called. */
export const STATE_FILE = 'state.json';

const VERSION = 1;

/**
 * Loads the state.
 *
 * @returns What was saved; nothing where nothing was, or where it is damaged, which `problem` then says.
 */
export function loadState(path: string): AlerterState & { readonly problem?: string } {
  const nothing = { evaluatedAt: -Infinity, instances: [], channels: new Map<string, ChannelMemory>() };
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    if (!(error instanceof SyntaxError)) throw error;
  }
  const { version, evaluatedAt, instances, channels } = (json ?? {}) as Record<string, unknown>;
  if (version !== VERSION || !Array.isArray(instances) || !Array.isArray(channels)) {
    return { ...nothing, problem: `${path} is damaged: alerts begin anew` };
  }
  const memories = (channels as unknown[]).filter(
    (pair): pair is [string, unknown] => Array.isArray(pair) && typeof pair[0] === 'string',
  );
  return {
    evaluatedAt: typeof evaluatedAt === 'number' ? evaluatedAt : -Infinity,
    instances: instances.filter(isInstance),
    channels: new Map(memories.map(([name, memory]) => [name, readMemory(memory)])),
  };
}

/** Saves the state, so that a crash at any moment leaves the old one or the new one. */
export function saveState(path: string, { evaluatedAt, instances, channels }: AlerterState): void {
  const memories = [...channels].map(([name, memory]) => [name, storedMemory(memory)]);
  const when = Number.isFinite(evaluatedAt) ? evaluatedAt : null;
  replaceFile(path, [
    `${JSON.stringify({ version: VERSION, evaluatedAt: when, instances, channels: memories })}\n`,
  ]);
}

function isInstance(json: unknown): json is Instance {
  if (typeof json !== 'object' || json === null) return false;
  const { fingerprint, rule, group, levels, status, severity, ...rest } = json as Record<string, unknown>;
  const times = ['startsAt', 'endsAt', 'seenAt', 'value', 'limit'].every((name) =>
    isNumberOrNull(rest[name]),
  );
  return (
    times &&
    (rest['missingFrom'] === undefined || typeof rest['missingFrom'] === 'number') &&
    typeof fingerprint === 'string' &&
    typeof rule === 'string' &&
    isTexts(group) &&
    (status === 'inactive' || status === 'pending' || status === 'firing' || status === 'resolved') &&
    isSeverity(severity) &&
    typeof levels === 'object' &&
    levels !== null &&
    Object.entries(levels).every(([name, level]) => isSeverity(name) && isLevel(level))
  );
}

function isLevel(json: unknown): json is LevelState {
  if (typeof json !== 'object' || json === null) return false;
  const { status, since, clearSince } = json as Record<string, unknown>;
  return (
    (status === 'pending' || status === 'firing') && typeof since === 'number' && isNumberOrNull(clearSince)
  );
}

function isTexts(json: unknown): boolean {
  return (
    typeof json === 'object' &&
    json !== null &&
    !Array.isArray(json) &&
    Object.values(json).every((value) => typeof value === 'string')
  );
}

function isSeverity(value: unknown): value is Severity {
  return SEVERITIES.some((word) => word === value);
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === 'number';
}
