import { statSync } from 'node:fs';
import { MAX_AHEAD_MS } from '../../analyze/query.js';
import { userId } from '../../store/directory.js';
import { counted, formatBytes, formatDuration } from '../format.js';
import { cureForUsers, mayCreate } from './directory.js';
import { type Finding, ok, problem, warning } from './finding.js';
import type { LiveFile } from './live-file.js';

/** Whether the shards are there, whole, writable, and nobody else's. */
export function shardFindings(
  directory: string,
  shards: number,
  files: readonly LiveFile[],
  now: number,
): Finding[] {
  const trusted = files.filter(({ refused }) => refused === undefined);
  return [
    countFinding(directory, shards, trusted, now),
    ...rightsFindings(directory, shards, trusted),
    ...plantedFindings(files),
    ...damageFindings(trusted),
    ...lockFindings(trusted),
    ...strayFindings(shards, trusted),
    ...clockFindings(trusted, now),
  ];
}

function countFinding(directory: string, shards: number, files: readonly LiveFile[], now: number): Finding {
  if (files.length === 0) return ok('shards', `none in ${directory} yet, ${shards} are agreed on`);
  const bytes = files.reduce((total, { stat }) => total + stat.size, 0);
  const last = Math.max(...files.map(({ lastTime }) => lastTime ?? -Infinity));
  const age = Number.isFinite(last) ? `last record ${formatDuration(now - last)} ago` : 'no record yet';
  return ok('shards', `${files.length} of ${shards}, ${formatBytes(bytes)}, ${age}`);
}

function rightsFindings(directory: string, shards: number, files: readonly LiveFile[]): Finding[] {
  const uid = userId();
  const cure = cureForUsers(directory);
  const readOnly = files.filter(({ writable }) => !writable);
  if (readOnly.length > 0) {
    const message = `user ${uid} may not append to ${names(readOnly)}: its records there are refused`;
    return [problem('rights', message, cure)];
  }
  const ofGroup = files.some(({ stat }) => stat.uid !== uid);
  const missing = shards - files.filter(({ shard }) => shard < shards).length;
  if (missing > 0 && ofGroup) {
    return [problem('rights', `shards made for a group, and ${missing} of ${shards} are missing`, cure)];
  }
  if (missing > 0 && statSync(directory, { throwIfNoEntry: false }) !== undefined && !mayCreate(directory)) {
    return [problem('rights', `user ${uid} may not create the missing shards in ${directory}`, cure)];
  }
  return [ok('rights', `user ${uid} may append`)];
}

function plantedFindings(files: readonly LiveFile[]): Finding[] {
  return files
    .filter(({ refused }) => refused !== undefined)
    .map(({ path, refused }) =>
      problem(
        'planted file',
        `${path} ${refused!}: agents refuse to write to it, readers to read it`,
        `find out who made it (ls -ld), then: rm ${path}`,
      ),
    );
}

function damageFindings(files: readonly LiveFile[]): Finding[] {
  const torn = files.reduce((total, file) => total + file.torn, 0);
  const foreign = files.reduce((total, file) => total + file.foreign, 0);
  if (foreign > 0) {
    const where = names(files.filter((file) => file.foreign > 0));
    return [
      warning(
        'lines',
        `${counted(foreign, 'foreign line')} and ${torn} torn at the end of ${where}: they are skipped`,
        'find the program that writes something else than records there: fuser -v, or cfn-metrics tail',
      ),
    ];
  }
  if (torn === 0)
    return files.length === 0 ? [] : [ok('lines', 'all whole in the last 64 KiB of each shard')];
  return [
    warning(
      'lines',
      `${torn} torn at the end of ${names(files.filter((file) => file.torn > 0))}: writers were killed while writing`,
      'nothing to do: they are skipped and counted, and their neighbours are read',
    ),
  ];
}

function lockFindings(files: readonly LiveFile[]): Finding[] {
  const locked = files.filter((file) => file.locked);
  if (locked.length === 0) return [];
  return [
    warning(
      'foreign lock',
      `somebody holds ${names(locked)} locked for himself: agents append without the lock`,
      `find the holder with lslocks, and let its script use flock --shared, or none`,
    ),
  ];
}

function strayFindings(shards: number, files: readonly LiveFile[]): Finding[] {
  const stray = files.filter(({ shard }) => shard >= shards);
  if (stray.length === 0) return [];
  return [
    warning(
      'shard count',
      `${names(stray)}: some writer uses more than ${shards} shards; readers read all of them`,
      `set CFN_METRICS_SHARDS=${Math.max(...stray.map(({ shard }) => shard)) + 1} for everybody, or remove it`,
    ),
  ];
}

function clockFindings(files: readonly LiveFile[], now: number): Finding[] {
  const ahead = files.filter(({ lastTime = now }) => lastTime > now + MAX_AHEAD_MS);
  if (ahead.length === 0) return [];
  const most = Math.max(...ahead.map(({ lastTime = now }) => lastTime - now));
  return [
    warning(
      'clock',
      `records in ${names(ahead)} are up to ${formatDuration(most)} ahead of this clock`,
      'the clock was set back, or a writer makes its own timestamps: check with timedatectl',
    ),
  ];
}

function names(files: readonly LiveFile[]): string {
  const few = files.slice(0, 3).map(({ name }) => name);
  return `${few.join(', ')}${files.length > 3 ? ` and ${files.length - 3} more` : ''}`;
}
