import { analyze } from '../analyze/analyzer.js';
import type { GroupKey } from '../analyze/options.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { readRecords } from '../store/reader.js';
import { answerAsCsv, answerAsJson, type Answer } from './answer.js';
import { answerAsTable } from './answer-table.js';
import { type Command, parseFlags } from './command.js';
import { complain } from './failure.js';
import { print } from './output.js';
import { namedDirectory, readSettings } from './settings.js';
import { outputStyle, outputWidth } from './style.js';
import { parseTime } from './time.js';

const HELP = `Usage: cfn-metrics analyze [OPTION]…

Count, average, extremes and quantiles of the records in the shards.

  --since TIME       first record that counts (default: everything that is in the directory)
  --until TIME       records from then on do not count (default: no end)
  --metric GLOB      metrics that count, * and ? are wildcards; may be repeated
  --agent ID         agents that count; may be repeated
  --group-by KEYS    metric, agent, attr:NAME, separated by commas (default: metric)
  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --json             one JSON object
  --csv              a row a group
  --help             this text

TIME: 30s, 5m, 2h, 1d, 1h30m, "5 minutes ago", now, 2026-11-21T20:00:00Z (UTC unless it says otherwise),
2026-11-21, or Unix seconds or milliseconds. Quantiles with ~ are estimates from a histogram's buckets.

Example: cfn-metrics analyze --since 5m --metric 'coordination_*' --group-by metric,agent
`;

const FLAGS = {
  since: 'text',
  until: 'text',
  metric: 'texts',
  agent: 'texts',
  'group-by': 'texts',
  dir: 'text',
  json: 'switch',
  csv: 'switch',
} as const;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (flags.json && flags.csv) throw bad('--json and --csv exclude each other');
  const now = Date.now();
  const since = flags.since === undefined ? undefined : parseTime('--since', flags.since, now);
  const until = flags.until === undefined ? undefined : parseTime('--until', flags.until, now);
  if (since !== undefined && (until ?? Infinity) < since) {
    throw bad(`--since ${shown(flags.since)} is after --until ${shown(flags.until)}`);
  }
  const groupBy = groupKeys(flags['group-by']);
  const settings = await readSettings(flags);
  const reader = readRecords({ directory: namedDirectory(settings), since, until });
  const query = { since, until, metrics: flags.metric, agents: flags.agent, groupBy };
  const analysis = analyze(reader, query);
  const answer: Answer = { analysis, counts: reader.counts, directory: reader.directory, groupBy };

  for (const { file, reason } of answer.counts.unreadable) {
    complain(new MetricsError('ERR_METRICS_STORE', `${file} was not read: ${reason}`));
  }
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
