import { existsSync } from 'node:fs';
import { History } from '../archive/history.js';
import type { ReadThreads } from '../archive/read-threads.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import type { ReadCounts } from '../store/reader.js';
import type { FlagValues } from './command.js';
import { complain } from './failure.js';
import { counted } from './format.js';
import { namedDirectory, readSettings } from './settings.js';
import { parseTime } from './time.js';

/** The flags that say which records a command reads. */
export const RECORD_FLAGS = {
  since: 'text',
  until: 'text',
  dir: 'texts',
  archive: 'texts',
  'no-archive': 'switch',
} as const;

/** What `--help` says about them, but for `--since` and `--until`. */
export const RECORD_HELP = `  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm), without the archive; may be
                     repeated, and may be an archive
  --archive DIRECTORY  where the archive is (default: that of cfn-metrics archive, where there is one); may be
                     repeated
  --no-archive       read what is in RAM only`;

/** The records that a command is about. */
export interface Records {
  readonly history: History;
  readonly since: number | undefined;
  readonly until: number | undefined;
}

/**
 * Finds the records that the flags ask for.
 *
 * @remarks
 * The default archive is that of the default directory. So whoever names a directory names the archive too, if one is
 * wanted: what was restored from an archive would be there twice otherwise.
 *
 * @param threads - Those that read, where there is much to read.
 * @throws MetricsError `ERR_METRICS_OPTION` where a flag is bad, `ERR_METRICS_DIRECTORY` where what is named is missing.
 */
export async function openRecords(
  flags: FlagValues<typeof RECORD_FLAGS>,
  threads?: ReadThreads,
): Promise<Records> {
  const { dir, archive } = flags;
  if (flags['no-archive'] && archive !== undefined)
    throw bad('--archive and --no-archive exclude each other');
  const { since, until } = timeRange(flags);
  const settings = await readSettings({ dir: dir?.[0] });
  const directory = dir ?? namedDirectory(settings);
  if (dir !== undefined || archive !== undefined || flags['no-archive']) {
    return { history: new History({ directory, archive, since, until, threads }), since, until };
  }
  const { value: path, source } = settings.archive.archive;
  const own = source !== 'default' || existsSync(path) ? path : undefined;
  return { history: new History({ directory, archive: own, since, until, threads }, true), since, until };
}

/** Reads `--since` and `--until`. */
export function timeRange(flags: {
  readonly since: string | undefined;
  readonly until: string | undefined;
}): {
  since: number | undefined;
  until: number | undefined;
} {
  const now = Date.now();
  const since = flags.since === undefined ? undefined : parseTime('--since', flags.since, now);
  const until = flags.until === undefined ? undefined : parseTime('--until', flags.until, now);
  if ((since ?? -Infinity) > (until ?? Infinity)) {
    throw bad(`--since ${shown(flags.since)} is after --until ${shown(flags.until)}`);
  }
  return { since, until };
}

/** The directories that were read, for people. */
export function placesRead({ places }: History): string {
  const read = places.filter(({ archive, counts }) => !archive || counts.files > 0);
  return read.map(({ directory }) => directory).join(', ');
}

/** Names on stderr what could not be read, or not whole. */
export function complainOfUnreadable({ unreadable }: ReadCounts): void {
  for (const { file, reason, records } of unreadable) {
    const what =
      records === undefined
        ? `was not read: ${reason}`
        : `is damaged: ${reason}; ${counted(records, 'record')} read`;
    complain(new MetricsError('ERR_METRICS_STORE', `${file} ${what}`));
  }
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
