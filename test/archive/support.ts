import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { createArchiver, type ArchiveEvent, type ArchiverOptions } from '../../src/archive/index.js';
import { formatRecord } from '../../src/record.js';
import { liveName, parseName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';

export const DAY_MS = 86_400_000;
/** Noon, so that a test has a while before the date changes. */
export const NOON = Date.parse('2026-11-21T12:00:00.000Z');

/** The line of a number. */
export function line(value: number, time = NOON): string {
  return formatRecord({ time, agent: 'agent-0', metric: 'm', value });
}

/** A shard directory and an archive, with a clock that the test sets. */
export function setup(options: Partial<ArchiverOptions> = {}) {
  const root = temporaryDirectory();
  const directory = join(root, 'shm');
  const archive = join(root, 'archive');
  mkdirSync(directory);
  const events: ArchiveEvent[] = [];
  const clock = { now: NOON };
  const open = (more: Partial<ArchiverOptions> = {}) => {
    const archiver = createArchiver({
      ...{ directory, archive, metrics: false, holdMs: 0, finishMs: 0, hotFloorMs: 0, tickMs: 10 },
      ...{ now: () => clock.now, onEvent: (event: ArchiveEvent) => void events.push(event) },
      ...options,
      ...more,
    });
    onTestFinished(() => archiver.close());
    return archiver;
  };
  /** Appends to a file in RAM, which was then changed at the time of the clock. */
  const append = (name: string, text: string): void => {
    appendFileSync(join(directory, name), text);
    utimesSync(join(directory, name), clock.now / 1000, clock.now / 1000);
  };
  const live = (shard: number, text: string): void => append(liveName(shard), text);
  return { directory, archive, events, clock, open, append, live };
}

/** What a directory holds, decompressed, by name without `.gz`. */
export function contents(archive: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const file of existsSync(archive) ? readdirSync(archive).sort() : []) {
    const name = file.replace(/\.gz$/, '');
    if (parseName(name) === undefined) continue;
    const bytes = readFileSync(join(archive, file));
    found[name] = (found[name] ?? '') + (file === name ? bytes : gunzipSync(bytes)).toString();
  }
  return found;
}

/** Names in a directory, without the lock. */
export function names(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.endsWith('.lock'))
    .sort();
}
