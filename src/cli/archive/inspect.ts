import {
  listArchive,
  type ListedSegment,
  mayHold,
  restoreSegment,
  verifySegment,
} from '../../archive/browse.js';
import { MetricsError } from '../../errors.js';
import { readHistory } from '../../archive/history.js';
import { printLines } from '../cat.js';
import { parseFlags } from '../command.js';
import { complain } from '../failure.js';
import { counted, formatBytes } from '../format.js';
import { print } from '../output.js';
import { timeRange } from '../records.js';
import { readSettings } from '../settings.js';
import { outputStyle, outputWidth } from '../style.js';
import { tableLines } from '../table.js';
import { visible } from '../text.js';

const FLAGS = { archive: 'text', since: 'text', until: 'text', json: 'switch', to: 'text' } as const;

interface Query {
  readonly archive: string;
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly json: boolean;
  readonly to: string | undefined;
}

/** What looks at an archive, and changes nothing in it. */
export const INSPECTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  list: async (args) => list(await readQuery('list', args)),
  verify: async (args) => verify(await readQuery('verify', args)),
  restore: async (args) => restore(await readQuery('restore', args)),
  cat: async (args) => cat(await readQuery('cat', args)),
};

async function readQuery(name: string, args: readonly string[]): Promise<Query> {
  const flags = parseFlags(args, FLAGS);
  const { since, until } = timeRange(flags);
  if (name !== 'restore' && flags.to !== undefined) throw bad(`--to belongs to restore, not to ${name}`);
  const { archive } = await readSettings({ archive: flags.archive });
  return { archive: archive.archive.value, since, until, json: flags.json, to: flags.to };
}

function segments(query: Query): ListedSegment[] {
  return listArchive(query.archive).filter((segment) => mayHold(segment, query));
}

async function list(query: Query): Promise<number> {
  const found = segments(query);
  if (query.json) {
    print(`${JSON.stringify({ archive: query.archive, segments: found })}\n`);
    return 0;
  }
  const cell = (value: string | number | null | undefined): string => `${value ?? '-'}`;
  const column = (title: string, of: (segment: ListedSegment) => string, number = false) => ({
    ...{ title, number, cells: found.map(of) },
  });
  const lines = tableLines(
    [
      column('segment', ({ name }) => visible(name)),
      column('stored', ({ storedBytes }) => formatBytes(storedBytes), true),
      column('bytes', ({ entry, storedBytes }) => formatBytes(entry?.bytes ?? storedBytes), true),
      column('lines', ({ entry }) => cell(entry?.lines), true),
      column('torn', ({ entry }) => cell(entry?.torn), true),
      column('first', ({ entry }) => cell(entry?.first)),
      column('last', ({ entry }) => cell(entry?.last)),
    ],
    outputWidth(),
    outputStyle().bold,
  );
  const total = found.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  print(
    `${lines.join('\n')}\n\n${counted(found.length, 'file')}, ${formatBytes(total)} in ${query.archive}\n`,
  );
  return 0;
}

async function verify(query: Query): Promise<number> {
  const found = segments(query);
  const problems: { name: string; problem: string }[] = [];
  for (const segment of found) {
    const problem = await verifySegment(segment);
    if (problem === undefined) continue;
    problems.push({ name: segment.name, problem });
    if (!query.json) complain(new MetricsError('ERR_METRICS_STORE', `${segment.path}: ${problem}`));
  }
  if (query.json) print(`${JSON.stringify({ archive: query.archive, files: found.length, problems })}\n`);
  else print(`${counted(found.length, 'file')} read, ${counted(problems.length, 'problem')}\n`);
  return problems.length === 0 ? 0 : 1;
}

async function restore(query: Query): Promise<number> {
  if (query.to === undefined) throw bad('--to is missing: where are the files to go?');
  const paths: string[] = [];
  for (const segment of segments(query)) paths.push(await restoreSegment(segment, query.to));
  if (query.json) print(`${JSON.stringify({ restored: paths })}\n`);
  else print(paths.map((path) => `${visible(path)}\n`).join(''));
  return 0;
}

async function cat({ archive, since, until }: Query): Promise<number> {
  return printLines(readHistory({ directory: [], archive, since, until }));
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
