import { once } from 'node:events';
import type { History } from '../archive/history.js';
import type { MetricRecord } from '../record.js';
import { type Command, parseFlags } from './command.js';
import { recordFilter } from './filter.js';
import { print, watchOutput } from './output.js';
import { complainOfUnreadable, openRecords, RECORD_FLAGS, RECORD_HELP } from './records.js';

const HELP = `Usage: cfn-metrics cat [OPTION]…

Print the stored records for other tools, each of them once and one JSON object a line: what is in RAM and what is in
the archive, by time. Lines are printed as they are stored, without what a killed writer left in front of them.

  --since TIME       first record to print (default: the first there is)
  --until TIME       records from then on are not printed (default: no end)
  --metric GLOB      metrics to print, * and ? are wildcards; may be repeated
  --agent ID         agents to print; may be repeated
${RECORD_HELP}
  --help             this text

TIME: 30s, 5m, 2h, 1d, 1h30m, "5 minutes ago", now, 2026-11-21T20:00:00Z (UTC unless it says otherwise),
2026-11-21, or Unix seconds or milliseconds.

Example: cfn-metrics cat --since 5m --metric 'coordination_*' | jq .value
`;

const FLAGS = { ...RECORD_FLAGS, metric: 'texts', agent: 'texts', json: 'switch' } as const;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  const wanted = recordFilter(flags.metric, flags.agent);
  const { history } = await openRecords(flags);
  return printLines(history, flags.metric || flags.agent ? wanted : undefined);
}

/** Prints the lines of records until there are no more, or nobody reads them. */
export async function printLines(
  history: History,
  wanted?: (record: MetricRecord) => boolean,
): Promise<number> {
  const gone = new AbortController();
  watchOutput(() => gone.abort());
  for await (const lines of history.lines(wanted)) {
    if (gone.signal.aborted) return 0;
    // A slow reader slows down the reading, and nothing piles up here.
    if (!print(lines)) await once(process.stdout, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  complainOfUnreadable(history.counts);
  return 0;
}

/** The stored lines, for other tools. */
export const catCommand: Command = { help: HELP, run };
