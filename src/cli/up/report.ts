/** How a companion is, as it tells the process that supervises it. */
export interface CompanionReport {
  /** Whether it does what it is for. */
  readonly ready: boolean;
  /** How far it is behind, in milliseconds; null where it cannot know yet. */
  readonly lagMs: number | null;
  /** What is wrong; null where nothing is. */
  readonly error: string | null;
  /** Where it answers, where it does. */
  readonly url: string | null;
  /** Memory of the process. */
  readonly rssBytes: number;
  /** Part of it that JavaScript objects take, garbage included. */
  readonly heapBytes: number;
}

/** What a companion knows of itself. */
export type OwnReport = Pick<CompanionReport, 'ready'> &
  Partial<Pick<CompanionReport, 'lagMs' | 'error' | 'url'>>;

/** Names the companion that a process is. */
const COMPANION = 'CFN_METRICS_COMPANION';

const EVERY_MS = 1000;

/** The environment of a companion. */
export function companionEnvironment(name: string): NodeJS.ProcessEnv {
  return { ...process.env, [COMPANION]: name };
}

/** Whether `cfn-metrics up` started this process. */
export function isSupervised(env = process.env): boolean {
  return process.send !== undefined && (env[COMPANION] ?? '') !== '';
}

/**
 * Tells the process that supervises this one, where one does, how it is: now and every second.
 *
 * @remarks
 * Where the supervisor is gone, however it ended, this process ends as by SIGTERM: nobody is left behind who holds locks
 * and ports that the next supervisor needs.
 */
export function reportToSupervisor(read: () => OwnReport): void {
  if (!isSupervised()) return;
  // What it starts is none.
  process.env[COMPANION] = '';
  const tell = (): void => {
    const { rss, heapUsed } = process.memoryUsage();
    const report: CompanionReport = {
      ...{ lagMs: null, error: null, url: null },
      ...read(),
      ...{ rssBytes: rss, heapBytes: heapUsed },
    };
    // One that cannot be told is gone, which is another event.
    if (process.connected) process.send?.({ report }, undefined, undefined, () => undefined);
  };
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // Neither the channel nor the timer is a reason to go on.
  process.channel?.unref();
  setInterval(tell, EVERY_MS).unref();
  tell();
}

/** The report in a message of a companion; undefined where there is none. */
export function reportIn(message: unknown): CompanionReport | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  return (message as { readonly report?: CompanionReport }).report;
}
