import { MetricsError } from '../../errors.js';
import type { Delivery } from '../channel.js';

/**
 * Runs an attempt that may throw, such as for a secret that is missing at the moment: it is tried again, for that can be
 * mended while the alert waits. Messages of other errors are not shown, since they may quote anything.
 */
export async function guarded(attempt: () => Promise<Delivery>): Promise<Delivery> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof MetricsError) return { outcome: 'retry', reason: error.message };
    return { outcome: 'retry', reason: `failed with ${error instanceof Error ? error.name : typeof error}` };
  }
}
