import type { GroupKey } from '../analyze/options.js';
import type { Condition } from './condition.js';
import type { Severity } from './notification.js';

/** What a rule does where there is nothing to judge by. */
export const NO_DATA = ['ok', 'alert', 'keepLast'] as const;

/** One of {@link NO_DATA}. */
export type NoData = (typeof NO_DATA)[number];

/** One severity of a rule. */
export interface Level {
  readonly severity: Severity;
  readonly condition: Condition;
  /** How long the condition has to hold until the alert fires. */
  readonly forMs: number;
  /** How long an alert goes on after the condition held last. */
  readonly keepFiringForMs: number;
}

/** A rule, checked. */
export interface Rule {
  readonly name: string;
  /** The worst first. */
  readonly levels: readonly Level[];
  readonly groupBy: readonly GroupKey[];
  readonly noData: {
    /** Where no series of the metric is left, of no agent. */
    readonly none: NoData;
    /** Where this one vanished and others are there. */
    readonly vanished: NoData;
  };
  /** After this time without data an alert ends, and a series is forgotten. */
  readonly forgetMs: number;
  /** The same alert is not told again before. */
  readonly repeatMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Names of the channels; undefined for all of them. */
  readonly channels: readonly string[] | undefined;
}

/** How notifications are grouped. */
export interface Grouping {
  /** Labels that the alerts of one notification have in common. */
  readonly by: readonly string[];
  /** How long the first alert of a group waits for others. */
  readonly waitMs: number;
  /** Time between two notifications of a group at least. */
  readonly intervalMs: number;
}

/** Everything that a file can say of alerts, checked. */
export interface Alerts {
  /** Between two evaluations. */
  readonly intervalMs: number;
  readonly rules: readonly Rule[];
  readonly grouping: Grouping;
  /** What each channel was said to be, for who makes them; undefined where nothing was said. */
  readonly channels: Readonly<Record<string, ChannelEntry>> | undefined;
}

/** What a file says of a channel. */
export interface ChannelEntry {
  /** What the channel is, without the fields below. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Messages a minute, at most. */
  readonly maxPerMinute: number;
  /** As an error names it: file, line and path. */
  readonly where: string;
}
