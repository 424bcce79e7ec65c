import { once } from 'node:events';
import { MetricsError } from '../errors.js';
import { formatRecord, type MetricRecord, TARGET_INFO } from '../record.js';
import { followRecords } from '../store/tail.js';
import { type Command, parseFlags } from './command.js';
import { complain } from './failure.js';
import { recordFilter } from './filter.js';
import { print, watchOutput } from './output.js';
import { recordLine } from './record-line.js';
import { namedDirectory, readSettings } from './settings.js';
import { outputStyle } from './style.js';
import { parseTime } from './time.js';

const HELP = `Usage: cfn-metrics tail [OPTION]…

Print records as they are written, until interrupted.

  --metric GLOB      metrics to show, * and ? are wildcards; may be repeated. Without it all but target_info
  --agent ID         agents to show; may be repeated
  --since TIME       begin with the records from then on, such as 30s or "5 minutes ago" (default: now)
  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --json             the lines as they are stored, one JSON object each
  --help             this text

Example: cfn-metrics tail --metric 'coordination_*' --agent 42
`;

const FLAGS = { metric: 'texts', agent: 'texts', since: 'text', dir: 'text', json: 'switch' } as const;

/** How long the rest of the output may take after the end. */
const LAST_WORDS_MS = 500;
/** How often it looks for files that cannot be read. */
const LOOK_MS = 1000;
/** Of more files it is not said that they cannot be read; names can be planted without end. */
const MAX_TOLD = 100;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  const since = flags.since === undefined ? 'end' : parseTime('--since', flags.since, Date.now());
  const filter = recordFilter(flags.metric, flags.agent);
  const wanted = (record: MetricRecord): boolean =>
    filter(record) && (flags.metric !== undefined || record.metric !== TARGET_INFO);
  const settings = await readSettings(flags);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  watchOutput(end);
  process.once('SIGINT', end);
  process.once('SIGTERM', end);

  const style = outputStyle();
  const format = flags.json ? formatRecord : (record: MetricRecord): string => recordLine(record, style);
  const tail = followRecords({ directory: namedDirectory(settings), from: since, signal: stop.signal });
  const unreadable = new Set<string>();
  const looking = setInterval(() => {
    for (const { file, reason } of tail.counts.unreadable) {
      if (unreadable.size >= MAX_TOLD || unreadable.has(file)) continue;
      unreadable.add(file);
      complain(new MetricsError('ERR_METRICS_STORE', `${file} was not read: ${reason}`));
    }
  }, LOOK_MS);
  try {
    for await (const { records } of tail) {
      const text = records.filter(wanted).map(format).join('');
      if (text !== '' && !print(text)) await drained(stop.signal);
    }
  } finally {
    clearInterval(looking);
  }
  // A reader that is stuck must not keep an interrupted command alive; one that reads gets the rest.
  setTimeout(() => process.exit(), LAST_WORDS_MS).unref();
  return 0;
}

/** A slow reader slows down the reading, and nothing piles up here. */
async function drained(signal: AbortSignal): Promise<void> {
  // Only an abort or an error of stdout ends the wait otherwise, and both end the tail.
  await once(process.stdout, 'drain', { signal }).catch(() => undefined);
}

/** Records as they are written. */
export const tailCommand: Command = { help: HELP, run };
