import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare, type Found, Inventory, readAcknowledged } from '../audit.js';
import type { Outcome } from '../case.js';

interface Settings {
  /** Folders with copies of segments, or with segments themselves. */
  readonly stored: readonly string[];
  readonly acknowledgements: string;
  /** Where each run of the tailer wrote a file of its own. */
  readonly tails?: string;
  readonly kills: number;
  /** How many torn records there may be; as many as kills where it is absent. */
  readonly tears?: number;
  /** How many records there must be; any number where it is absent. */
  readonly records?: number;
  /** Whether something may have been refused. What was must have been counted. */
  readonly refusals?: boolean;
  /** Writers whose name begins so use the lock. */
  readonly locked?: string;
  /** Milliseconds after a seal from which no writer with the lock believes in the old file. */
  readonly recheckMs?: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const { stored, tails, kills, tears = kills, records, refusals = false, locked, recheckMs = 0 } = settings;
const failures: string[] = [];

/** Records of writers with the lock that came after their segment was said to be finished, or long after its seal. */
function findLate(archive: string, found: readonly Found[]): void {
  const marks = new Map<string, number>();
  const mark = (name: string): number => {
    let value = marks.get(name);
    if (value === undefined) {
      value = readdirSync(archive).includes(name)
        ? Number(readFileSync(join(archive, name), 'utf8'))
        : Infinity;
      marks.set(name, value);
    }
    return value;
  };
  let late = 0;
  for (const { writer, time, file } of found) {
    if (locked === undefined || !writer.startsWith(locked)) continue;
    // Two clocks' worth of rounding.
    if (time > mark(file.replace('jsonl', 'sealed')) + recheckMs + 5) late += 1;
  }
  if (late > 0) failures.push(`${late} records of writers with the lock came after the seal`);
}

/** Every acknowledged record was handed out, and to one run of the tailer only once. */
function checkTails(folder: string): { lost: number; duplicated: number } {
  const all: { writer: string; sequence: number }[] = [];
  let duplicated = 0;
  for (const name of readdirSync(folder)) {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
    duplicated += lines.length - new Set(lines).size;
    for (const line of lines) {
      const [writer = '', sequence] = line.split(' ');
      all.push({ writer, sequence: Number(sequence) });
    }
  }
  const { lost, example } = compare(acknowledged, all);
  if (lost > 0) failures.push(`the tailer missed ${lost}, such as ${example}`);
  if (duplicated > 0) failures.push(`the tailer repeated ${duplicated} without a restart`);
  return { lost, duplicated };
}

const acknowledged = readAcknowledged(settings.acknowledgements);
const inventory = new Inventory();
for (const directory of stored) inventory.readDirectory(directory);
const { found, torn, files } = inventory;
failures.push(...inventory.failures.slice(0, 10));
const { lost, duplicated, example } = compare(acknowledged, found);
if (example !== undefined) failures.push(`lost, for example: ${example}`);
if (torn > tears) failures.push(`${torn} torn records, and at most ${tears} can be`);
if (records !== undefined && acknowledged.records !== records)
  failures.push(`${acknowledged.records} of ${records} records were acknowledged`);
const { refused, dropped } = acknowledged;
if (refused > 0 && !refusals) failures.push(`${refused} records were refused`);
if (refusals && refused !== dropped) failures.push(`${refused} were refused, and ${dropped} counted`);
if (refusals && inventory.dropped > dropped)
  failures.push(`${inventory.dropped} drops are stored of ${dropped}`);
for (const directory of stored) findLate(directory, found);
const missed = tails === undefined ? { lost: 0, duplicated: 0 } : checkTails(tails);
const outcome: Outcome = {
  records: acknowledged.records,
  kills,
  lost: lost + missed.lost,
  duplicated: duplicated + missed.duplicated,
  torn,
  failures,
  note: refusals
    ? `${files} files, ${refused} refused, ${inventory.dropped} of them stored as dropped`
    : `${files} files`,
};
process.stdout.write(JSON.stringify(outcome));
