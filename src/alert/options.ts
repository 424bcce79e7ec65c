import type { Channel } from './channel.js';
import type { ChannelContext } from './channels/config.js';
import type { AlertEvent } from './events.js';
import type { AlertRules } from './rules.js';

/**
 * What {@link createAlerter} can be told.
 *
 * @public
 */
export interface AlerterOptions {
  /** Directory in which state and silences are kept; it is made where it is missing. One alerter at a time has it. */
  readonly state: string;
  /**
   * Directory of the shards. A named directory must exist.
   *
   * @defaultValue `CFN_METRICS_DIR`, else `/dev/shm`, else `cfn-metrics-<uid>` in the temporary directory
   */
  readonly directory?: string | undefined;
  /**
   * Rules, grouping and channels, as {@link readAlerts} reads them.
   *
   * @defaultValue those out of the box
   */
  readonly rules?: AlertRules | undefined;
  /**
   * Milliseconds between two evaluations, 1000 to 3,600,000.
   *
   * @defaultValue that of the rules, 30,000 where they do not say
   */
  readonly intervalMs?: number | undefined;
  /**
   * Channels in the place of those that the rules describe.
   *
   * @defaultValue those of the rules; where these have none, the log file `alerts.log` in the directory of the shards,
   * and the console where there is `context.write`
   */
  readonly channels?: readonly Channel[] | undefined;
  /** What channels need: the variables that secrets may name, and where the console is. */
  readonly context?: Partial<ChannelContext> | undefined;
  /**
   * Whether the alerter stores metrics of its own in the shards.
   *
   * @defaultValue true
   */
  readonly metrics?: boolean | undefined;
  /** Hears what happens. It may throw; nobody hears of it. */
  readonly onEvent?: ((event: AlertEvent) => void) | undefined;
  /**
   * The clock, in Unix milliseconds.
   *
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined;
}
