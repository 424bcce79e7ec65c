import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatBytes } from '../format.js';
import { type Finding, ok, warning } from './finding.js';

/** The memory limit that this process is under, and how much of it is used. */
export interface MemoryLimit {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

interface Hierarchy {
  readonly root: string;
  readonly path: string;
  readonly limit: string;
  readonly used: string;
}

/** What stands in for "no limit" in version 1: the largest number of pages. */
const UNLIMITED = 2 ** 60;

/**
 * Whether the shards can eat the memory that agents need: pages of a tmpfs count as memory of the container whose process wrote them.
 *
 * @param limit - Undefined where there is none.
 * @param tmpfsBytes - How large the file system may grow.
 * @param shardBytes - How much the shards hold now.
 */
export function memoryFinding(
  limit: MemoryLimit | undefined,
  tmpfsBytes: number,
  shardBytes: number,
): Finding {
  if (limit === undefined) return ok('memory limit', 'none, for this process');
  const { limitBytes, usedBytes } = limit;
  const what = `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)} used, ${formatBytes(shardBytes)} in shards`;
  const cure = 'raise the memory limit, or give the tmpfs a size below it: docker run --shm-size, sizeLimit';
  if (shardBytes > limitBytes / 4) {
    return warning('memory limit', `${what}: records in RAM count against the limit`, cure);
  }
  if (tmpfsBytes > limitBytes / 2) {
    const may = `the file system may grow to ${formatBytes(tmpfsBytes)}`;
    return warning('memory limit', `${what}: ${may}, and agents are killed before it is full`, cure);
  }
  return ok('memory limit', what);
}

/** Finds the tightest memory limit of this process's cgroup and those above it, of version 2 or 1. */
export function memoryLimit(cgroups = read('/proc/self/cgroup')): MemoryLimit | undefined {
  let tightest: MemoryLimit | undefined;
  for (const hierarchy of hierarchies(cgroups)) {
    const limit = limitOf(hierarchy);
    if (limit !== undefined && limit.limitBytes < (tightest?.limitBytes ?? UNLIMITED)) tightest = limit;
  }
  return tightest;
}

/** Reads `/proc/self/cgroup`: `0::/path` is version 2, `4:memory:/path` version 1. */
function hierarchies(cgroups: string): Hierarchy[] {
  return cgroups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    if (controllers === '') {
      return [{ root: '/sys/fs/cgroup', path, limit: 'memory.max', used: 'memory.current' }];
    }
    if (!controllers.split(',').includes('memory')) return [];
    const names = { limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes' };
    return [{ root: '/sys/fs/cgroup/memory', path, ...names }];
  });
}

function limitOf({ root, path, limit, used }: Hierarchy): MemoryLimit | undefined {
  let tightest: MemoryLimit | undefined;
  // Inside a container the path may be the host's, and only the root be there.
  for (let at = path; ; at = dirname(at)) {
    const limitBytes = bytesIn(join(root, at, limit));
    if (limitBytes < Math.min(tightest?.limitBytes ?? Infinity, UNLIMITED)) {
      const usedBytes = bytesIn(join(root, at, used));
      tightest = { limitBytes, usedBytes: Number.isFinite(usedBytes) ? usedBytes : 0 };
    }
    if (at === '/') return tightest;
  }
}

/** A file with one number; infinity where it says `max`, or is missing. */
function bytesIn(path: string): number {
  const text = read(path).trim();
  return /^\d+$/.test(text) ? Number(text) : Infinity;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
