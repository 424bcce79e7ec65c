import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, processNamespace, readHolder } from '../../archive/lock-file.js';
import type { InUseError } from '../../archive/session.js';
import { MetricsError } from '../../errors.js';

const POLL_MS = 20;

/** The lock of the archiver that is at work, where an error says that one is. */
export function lockInUse(error: unknown): string | undefined {
  const { lockPath } = error as Partial<InUseError>;
  return typeof lockPath === 'string' ? lockPath : undefined;
}

/**
 * Asks the archiver that is at work for a sync or a rotation, and waits until that is done.
 *
 * @param timeoutMs - How long to wait.
 * @throws MetricsError where it cannot be asked, ends meanwhile, fails, or takes longer than that.
 */
export async function requestFromRunning(
  error: MetricsError,
  lockPath: string,
  what: 'sync' | 'rotation',
  timeoutMs: number,
): Promise<void> {
  const holder = readHolder(lockPath);
  if (holder?.listens !== true || holder.namespace !== processNamespace()) {
    throw new MetricsError(error.code, `${error.message}, which cannot be asked from here`);
  }
  const askedAt = process.hrtime.bigint();
  try {
    process.kill(holder.pid, what === 'sync' ? 'SIGUSR1' : 'SIGUSR2');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new MetricsError(error.code, `${error.message}, which cannot be asked: ${code}`, { cause });
  }
  const end = performance.now() + timeoutMs;
  for (;;) {
    const { sync, rotation, pid } = readHolder(lockPath) ?? {};
    const began = what === 'sync' ? sync?.began : rotation;
    if (began !== undefined && BigInt(began) >= askedAt) {
      if (sync?.error) throw new MetricsError('ERR_METRICS_STORE', sync.error);
      return;
    }
    if ((pid !== undefined && pid !== holder.pid) || !isAlive(holder.pid)) {
      throw new MetricsError('ERR_METRICS_STORE', `process ${holder.pid} ended before it was done`);
    }
    if (performance.now() >= end) {
      const message = `process ${holder.pid} was asked for a ${what}, and has not done it after ${timeoutMs / 1000} s`;
      throw new MetricsError('ERR_METRICS_STORE', message);
    }
    await delay(POLL_MS);
  }
}
