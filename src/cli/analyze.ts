import { availableParallelism } from 'node:os';
import { Analyzer } from '../analyze/analyzer.js';
import type { History } from '../archive/history.js';
import { createReadThreads, type ReadThreads } from '../archive/read-threads.js';
import { MetricsError } from '../errors.js';
import { answerAsCsv, answerAsJson, type Answer } from './answer.js';
import { aheadLine } from './answer-notes.js';
import { answerAsTable } from './answer-table.js';
import { parseCount } from './archive/amounts.js';
import { type Command, parseFlags } from './command.js';
import { complain } from './failure.js';
import { print } from './output.js';
import { bytesOfShards, Progress } from './progress.js';
import { QUESTION_FLAGS, readQuestion } from './question.js';
import { complainOfUnreadable, openRecords, placesRead, RECORD_FLAGS, RECORD_HELP } from './records.js';
import { readSettings } from './settings.js';
import { outputStyle, outputWidth } from './style.js';

const HELP = `Usage: cfn-metrics analyze [OPTION]…

Count, average, extremes and quantiles of the records in RAM and in the archive.

Which records:
  --since TIME       first record that counts (default: the first there is)
  --until TIME       records from then on do not count (default: no end; with --since, a minute ahead of now)
  --metric GLOB      metrics that count, * and ? are wildcards; may be repeated
  --agent ID         agents that count; may be repeated
${RECORD_HELP}

What of them:
  --group-by KEYS    metric, agent, shard, attr:NAME, separated by commas (default: metric)
  --step TIME        cut each group into buckets of so long, such as 10s: a series a group
  --quantile Q       a quantile from 0 to 1 beside p50, p90, p95 and p99; may be repeated
  --top N            only the N groups of each metric that have most; without --group-by, the N metrics
  --over LIMIT       how many groups of each metric are over LIMIT
  --by STATISTIC     what --top and --over compare: count, sum, rate, avg, stddev, min, max, p50, p90, p95, p99,
                     p99.9 and the like, first, last, delta (default: avg)
  --max-memory SIZE  what values may take before quantiles become estimates (default: 256MiB)
  --threads N        how many threads read shards, where that is worth it; 1 for none beside the one there is
                     (default: one a processor)

How it is shown:
  --columns LIST     statistics in the table, separated by commas; also error and nan (default: what fits)
  --json             one JSON object, with everything
  --csv              a row a group, with everything
  --help             this text

TIME: 30s, 5m, 2h, 1d, 1h30m, "5 minutes ago", now, 2026-11-21T20:00:00Z (UTC unless it says otherwise),
2026-11-21, or Unix seconds or milliseconds. Quantiles with ~ are estimates; ± says how far they can be off.

Example: cfn-metrics analyze --since 5m --metric 'coordination_*' --group-by agent --top 10 --by p99
`;

const FLAGS = { ...RECORD_FLAGS, ...QUESTION_FLAGS, threads: 'text', json: 'switch', csv: 'switch' } as const;

/** Where there is less to read the command is done before threads have started and learnt. */
const THREADS_MIN_BYTES = 268_435_456;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (flags.json && flags.csv) throw bad('--json and --csv exclude each other');
  const question = readQuestion(flags, (await readSettings({ dir: flags.dir?.[0] })).shards.value);
  const now = Date.now();
  const { history, since, until } = await openRecords(flags, readThreads(flags.threads));
  const analyzer = new Analyzer({ ...question.options, since, until, now });
  await feed(analyzer, history, since === undefined && until === undefined);
  const answer: Answer = {
    ...question,
    analysis: analyzer.analysis(),
    counts: history.counts,
    directory: placesRead(history),
  };
  complainOfUnreadable(answer.counts);
  if (flags.json) print(answerAsJson(answer));
  else if (flags.csv) {
    const { ahead = 0 } = answer.analysis;
    if (ahead > 0) complain(bad(aheadLine(ahead)));
    print(answerAsCsv(answer));
  } else print(answerAsTable(answer, { since, until }, outputStyle(), outputWidth()));
  return 0;
}

/** The threads that read; undefined where there is to be none. They end with the process. */
function readThreads(text: string | undefined): ReadThreads | undefined {
  const asked = parseCount('--threads', text, 1, 64);
  const threads = asked ?? Math.min(availableParallelism(), 64);
  return threads === 1 ? undefined : createReadThreads({ threads, minBytes: THREADS_MIN_BYTES });
}

async function feed(analyzer: Analyzer, history: History, everything: boolean): Promise<void> {
  // Compressed files do not say how long they are, and of a window nobody knows how much has to be read.
  const total = (): number | undefined =>
    everything && history.places.every(({ archive }) => !archive)
      ? bytesOfShards(history.places.map(({ directory }) => directory))
      : undefined;
  const progress = new Progress(total);
  try {
    for await (const _ of history.feed(analyzer)) progress.show(() => history.counts.bytes);
  } finally {
    progress.end();
  }
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** Statistics over a window of time. */
export const analyzeCommand: Command = { help: HELP, run };
