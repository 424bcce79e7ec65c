import { accessSync, constants, statfsSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type LockHolder, processNamespace, readHolder } from '../../archive/lock-file.js';
import { ARCHIVE_LOCK } from '../../archive/session.js';
import { formatBytes, formatDuration } from '../format.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** Less of the disk free than that, and it is said. */
const MIN_FREE = 0.05;
/** How much longer than the interval a sync may be ago. */
const SLACK_MS = 60_000;

/** Whether the archive can be written, and is. What cannot be looked at is a finding too. */
export function archiveFindings(archive: string, shards: string, intervalMs: number): Finding[] {
  try {
    return findingsOf(archive, shards, intervalMs);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return [warning('archive', `${archive} cannot be looked at: ${code}`, 'ask its owner, or root')];
  }
}

function findingsOf(archive: string, shards: string, intervalMs: number): Finding[] {
  const stat = statSync(archive, { throwIfNoEntry: false });
  if (stat === undefined) return [ok('archive', `${archive} does not exist; cfn-metrics archive makes it`)];
  if (!stat.isDirectory()) {
    return [problem('archive', `${archive} is not a directory`, 'set CFN_METRICS_ARCHIVE_DIR to one')];
  }
  if (isSame(stat, statSync(shards, { throwIfNoEntry: false }))) {
    const cure = 'set CFN_METRICS_ARCHIVE_DIR to a directory on a disk';
    return [problem('archive', `${archive} is where the shards are: nothing can be archived`, cure)];
  }
  const holder = readHolder(join(archive, ARCHIVE_LOCK));
  return [writeFinding(archive), ...spaceFindings(archive), ...holderFindings(holder, intervalMs)];
}

function isSame(a: Stats, b: Stats | undefined): boolean {
  return a.ino === b?.ino && a.dev === b.dev;
}

function writeFinding(archive: string): Finding {
  try {
    accessSync(archive, constants.R_OK | constants.W_OK | constants.X_OK);
    return ok('archive', `${archive}, this user may write there`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EROFS'
      ? problem('archive', `${archive} is read-only`, 'mount it so that it can be written')
      : warning(
          'archive',
          `${archive}: this user may not write there`,
          'run cfn-metrics archive as its owner',
        );
  }
}

function spaceFindings(archive: string): Finding[] {
  const { bavail, blocks, bsize } = statfsSync(archive);
  const what = `${formatBytes(bavail * bsize)} of ${formatBytes(blocks * bsize)} are free on its disk`;
  if (blocks === 0 || bavail >= blocks * MIN_FREE) return [ok('archive space', what)];
  return [warning('archive space', what, 'archive with --max-archive-bytes or fewer --retention-days')];
}

/** What the archiver that is at work says of itself. What an earlier boot, or another host, left says nothing. */
function holderFindings(holder: LockHolder | undefined, intervalMs: number): Finding[] {
  if (holder?.namespace !== processNamespace() || !isAlive(holder.pid)) {
    return [ok('archiver', 'none is running for this archive')];
  }
  const who = `process ${holder.pid} since ${holder.since}`;
  if (holder.sync === undefined) return [ok('archiver', `${who}, has not synced yet`)];
  const { began, error } = holder.sync;
  if (error !== null) return [problem('archiver', `${who}: ${error}`, 'nothing is lost while RAM lasts')];
  const ms = Number(process.hrtime.bigint() - BigInt(began)) / 1e6;
  const synced = `${who}, synced ${formatDuration(ms)} ago`;
  if (ms <= intervalMs + SLACK_MS) return [ok('archiver', synced)];
  return [warning('archiver', `${synced}: later than it should`, 'cfn-metrics archive --sync-now says why')];
}
