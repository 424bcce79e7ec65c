import { createArchiver, type Archiver } from '../archive/archiver.js';
import type { ArchiveEvent } from '../archive/events.js';
import type { ArchiverOptions } from '../archive/options.js';
import type { DeletionPlan } from '../archive/plan.js';
import { MetricsError } from '../errors.js';
import { LONGEST_TIMER, parseDuration } from './archive/amounts.js';
import { isReady, serveHealth } from './archive/health.js';
import { commandHook } from './archive/hook.js';
import { INSPECTIONS } from './archive/inspect.js';
import { logEvent } from './archive/log.js';
import { lockInUse, requestFromRunning } from './archive/request.js';
import { type Command, type FlagValues, parseFlags } from './command.js';
import { print } from './output.js';
import { namedDirectory, readSettings, type Settings } from './settings.js';
import { isSupervised, reportToSupervisor } from './up/report.js';

const HELP = `Usage: cfn-metrics archive [OPTION]…
       cfn-metrics archive list|verify|restore|cat [--since TIME] [--until TIME] [--archive DIRECTORY]

Copy the shards to disk, every five minutes and at the end; seal them at midnight UTC; compress what is
finished; let old segments leave RAM, and later the archive. Runs until SIGTERM, and syncs once more then.
SIGUSR1: sync now. SIGUSR2: seal all shards and sync now.

  --once                   do what is due, once, and end; for a timer
  --sync-now               make the running archiver sync, and wait for it; without one do it here
  --rotate-now             the same, after sealing all shards
  --timeout TIME           how long --sync-now and --rotate-now wait for the running one (default: 1m)
  --dry-run                show what would be deleted now, and end
  --archive DIRECTORY      where the archive is (default: CFN_METRICS_ARCHIVE_DIR, else /metrics/archive where that
                           can be written, else cfn-metrics/archive in the user's state directory)
  --dir DIRECTORY          where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --interval TIME          between two syncs (default: CFN_METRICS_SYNC_INTERVAL, else 5m)
  --rotate WHEN            daily, hourly, or a size such as 64MiB; may be repeated (default: CFN_METRICS_ROTATE,
                           else daily)
  --retention-days N       days that a segment is kept (default: CFN_METRICS_RETENTION_DAYS, else 30)
  --max-archive-bytes SIZE the oldest segments go when the archive is larger (default: no bound)
  --hot-retention TIME     how long a segment stays in RAM after its last growth (default: 24h)
  --max-hot-bytes SIZE     segments leave RAM early when there is more (default: half of it, at most 512MiB)
  --before-delete COMMAND  run it before a segment is deleted, with its path as the last argument and without a
                           shell; only status 0 lets the segment go. Repeated, each is a further argument
  --before-delete-timeout TIME
                           how long it may take for a segment; then it is ended, and has failed (default: 5m)
  --health-port PORT       answer /healthz and /readyz on 127.0.0.1
  --finish-after TIME      without growth, after which a sealed shard is finished (default: 1m)
  --hot-floor TIME         without growth, before which nothing leaves RAM (default: 10m)
  --json                   one JSON object an event on stdout, in place of lines on stderr
  --help                   this text

What has a default may also stand in the config file; cfn-metrics doctor shows what counts.

  list                     the files of the archive, and what is in them
  verify                   read all of them, and compare them with their manifest entries
  restore --to DIRECTORY   put them back as plain files; cfn-metrics analyze --dir reads those
  cat                      print their records of that time

Example: cfn-metrics archive --archive /metrics/archive --retention-days 30
`;

const FLAGS = {
  once: 'switch',
  'sync-now': 'switch',
  'rotate-now': 'switch',
  timeout: 'text',
  'dry-run': 'switch',
  archive: 'text',
  dir: 'text',
  interval: 'text',
  rotate: 'texts',
  'retention-days': 'text',
  'max-archive-bytes': 'text',
  'hot-retention': 'text',
  'max-hot-bytes': 'text',
  'before-delete': 'texts',
  'before-delete-timeout': 'text',
  'health-port': 'text',
  'finish-after': 'text',
  'hot-floor': 'text',
  json: 'switch',
} as const;

type Flags = FlagValues<typeof FLAGS>;
/** How long a running archiver may take for what it is asked. */
const DEFAULT_TIMEOUT_MS = 60_000;
const MODES = ['once', 'sync-now', 'rotate-now', 'dry-run'] as const;

async function run(args: readonly string[]): Promise<number> {
  const [first = '', ...rest] = args;
  if (Object.hasOwn(INSPECTIONS, first)) return INSPECTIONS[first]!(rest);
  // Before anything else: without a handler the one opens Node's inspector, and the other ends the process.
  const asked: ('sync' | 'rotation')[] = [];
  let ask = (what: 'sync' | 'rotation'): void => void asked.push(what);
  process.on('SIGUSR1', () => ask('sync'));
  process.on('SIGUSR2', () => ask('rotation'));

  const flags = parseFlags(args, FLAGS);
  const modes = MODES.filter((mode) => flags[mode]);
  if (modes.length > 1) throw bad(`--${modes[0]!} and --${modes[1]!} exclude each other`);
  if (flags.timeout !== undefined && !flags['sync-now'] && !flags['rotate-now']) {
    throw bad('--timeout belongs to --sync-now and --rotate-now');
  }
  if (flags['before-delete-timeout'] !== undefined && flags['before-delete'] === undefined) {
    throw bad('--before-delete-timeout belongs to --before-delete');
  }
  const timeoutMs = parseDuration('--timeout', flags.timeout, ['1ms', LONGEST_TIMER]) ?? DEFAULT_TIMEOUT_MS;
  const settings = await readSettings(flags);
  const options = archiverOptions(flags, settings);
  const { syncInterval, healthPort } = settings.archive;
  const [mode] = modes;
  const once = mode !== undefined;
  const onEvent = (event: ArchiveEvent): void => logEvent(event, flags.json, once);
  const archiver = createArchiver({ ...options, metrics: !once, signals: !once, onEvent });
  if (mode === 'dry-run') return showPlan(archiver.plan(), flags.json);
  if (mode !== undefined) return doOnce(archiver, mode, timeoutMs);

  ask = (what) => (what === 'sync' ? archiver.requestSync() : archiver.requestRotation());
  for (const what of asked) ask(what);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  archiver.open();
  // Where this is a companion of others, that port is the supervisor's, who answers for all.
  const port = isSupervised() ? undefined : healthPort.value;
  const server =
    port === undefined ? undefined : await serveHealth(port, syncInterval.value, () => archiver.status);
  reportToSupervisor(() => {
    const { status } = archiver;
    const lagMs = status.lagSeconds === null ? null : 1000 * status.lagSeconds;
    return { ready: isReady(status, syncInterval.value), lagMs, error: status.error };
  });
  await archiver.run(stop.signal);
  server?.close();
  return archiver.status.error === null ? 0 : 1;
}

async function doOnce(
  archiver: Archiver,
  mode: 'once' | 'sync-now' | 'rotate-now',
  timeoutMs: number,
): Promise<number> {
  // What it started has a group of its own, which Ctrl-C does not reach.
  const end = (): void => void archiver.close();
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  try {
    archiver.open();
    if (mode === 'sync-now') return (await archiver.sync()) ? 0 : 1;
    return (await archiver.once(mode === 'rotate-now' ? 'all' : 'due')) ? 0 : 1;
  } catch (error) {
    const lockPath = lockInUse(error);
    if (mode === 'once' || lockPath === undefined) throw error;
    const what = mode === 'sync-now' ? 'sync' : 'rotation';
    process.off('SIGTERM', end).off('SIGINT', end);
    await requestFromRunning(error as MetricsError, lockPath, what, timeoutMs);
    return 0;
  } finally {
    await archiver.close();
  }
}

function showPlan({ archive, hot }: DeletionPlan, json: boolean): number {
  if (json) {
    print(`${JSON.stringify({ archive, hot })}\n`);
    return 0;
  }
  const lines = [
    ...archive.map(({ name, reason }) => `would delete ${name} from the archive (${reason})`),
    ...hot.map(({ name, reason }) => `would release ${name} from RAM (${reason})`),
  ];
  print(`${lines.length === 0 ? 'nothing would be deleted' : lines.join('\n')}\n`);
  return 0;
}

/** What the library is told. */
function archiverOptions(flags: Flags, settings: Settings): ArchiverOptions {
  const { archive, syncInterval, rotate, retentionDays, maxArchiveBytes, hotRetention, maxHotBytes } =
    settings.archive;
  const intervalMs = syncInterval.value;
  const finishMs = parseDuration('--finish-after', flags['finish-after'], ['0s', LONGEST_TIMER]);
  return {
    archive: archive.value,
    directory: namedDirectory(settings),
    ...{ intervalMs, finishMs },
    ...rotate.value,
    retentionDays: retentionDays.value,
    maxArchiveBytes: maxArchiveBytes.value,
    hotRetentionMs: hotRetention.value,
    maxHotBytes: maxHotBytes.value,
    hotFloorMs: parseDuration('--hot-floor', flags['hot-floor'], ['0s', LONGEST_TIMER]),
    // What is finished is looked for as often as it can become so.
    tickMs: Math.max(10, Math.min(5000, intervalMs, finishMs ?? 5000)),
    beforeDelete: flags['before-delete'] && commandHook(flags['before-delete']),
    beforeDeleteTimeoutMs: parseDuration('--before-delete-timeout', flags['before-delete-timeout'], [
      '1ms',
      LONGEST_TIMER,
    ]),
  };
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** The archive on disk. */
export const archiveCommand: Command = { help: HELP, run };
