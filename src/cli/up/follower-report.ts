import { MetricsError } from '../../errors.js';
import type { ShardDirectory } from '../../store/directory.js';
import { requireDirectory } from '../../store/reader.js';
import type { OwnReport } from './report.js';

/** How a companion is that follows a directory: not ready, and why, while that cannot be read. */
export function followerReport(directory: ShardDirectory, ready: boolean, lagMs: number | null): OwnReport {
  try {
    requireDirectory(directory);
    return { ready, lagMs };
  } catch (error) {
    if (error instanceof MetricsError) return { ready: false, lagMs, error: error.message };
    throw error;
  }
}
