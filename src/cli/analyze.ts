import { Analyzer } from '../analyze/analyzer.js';
import type { GroupKey } from '../analyze/options.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { answerAsCsv, answerAsJson, type Answer } from './answer.js';
import { answerAsTable } from './answer-table.js';
import { type Command, parseFlags } from './command.js';
import { print } from './output.js';
import { complainOfUnreadable, openRecords, placesRead, RECORD_FLAGS, RECORD_HELP } from './records.js';
import { outputStyle, outputWidth } from './style.js';

const HELP = `Usage: cfn-metrics analyze [OPTION]…

Count, average, extremes and quantiles of the records in RAM and in the archive.

  --since TIME       first record that counts (default: the first there is)
  --until TIME       records from then on do not count (default: no end)
  --metric GLOB      metrics that count, * and ? are wildcards; may be repeated
  --agent ID         agents that count; may be repeated
  --group-by KEYS    metric, agent, attr:NAME, separated by commas (default: metric)
${RECORD_HELP}
  --json             one JSON object
  --csv              a row a group
  --help             this text

TIME: 30s, 5m, 2h, 1d, 1h30m, "5 minutes ago", now, 2026-11-21T20:00:00Z (UTC unless it says otherwise),
2026-11-21, or Unix seconds or milliseconds. Quantiles with ~ are estimates from a histogram's buckets.

Example: cfn-metrics analyze --since 5m --metric 'coordination_*' --group-by metric,agent
`;

const FLAGS = {
  ...RECORD_FLAGS,
  metric: 'texts',
  agent: 'texts',
  'group-by': 'texts',
  json: 'switch',
  csv: 'switch',
} as const;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (flags.json && flags.csv) throw bad('--json and --csv exclude each other');
  const groupBy = groupKeys(flags['group-by']);
  const { history, since, until } = await openRecords(flags);
  const query = { since, until, metrics: flags.metric, agents: flags.agent, groupBy };
  const analyzer = new Analyzer(query);
  for await (const records of history) for (const record of records) analyzer.add(record);
  const directory = placesRead(history);
  const answer: Answer = { analysis: analyzer.analysis(), counts: history.counts, directory, groupBy };

  complainOfUnreadable(answer.counts);
  if (flags.json) print(answerAsJson(answer));
  else if (flags.csv) print(answerAsCsv(answer));
  else print(answerAsTable(answer, { since, until }, outputStyle(), outputWidth()));
  return 0;
}

function groupKeys(lists: readonly string[] | undefined): GroupKey[] {
  const keys = (lists ?? ['metric']).flatMap((list) => list.split(','));
  return keys.map((text) => {
    const key = text.trim();
    if (key === 'metric' || key === 'agent' || /^attr:./.test(key)) return key as GroupKey;
    throw bad(`--group-by must list metric, agent or attr:NAME, got ${shown(key)}`);
  });
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** Statistics over a window of time. */
export const analyzeCommand: Command = { help: HELP, run };
