import type { Secret } from './secret.js';

/** The kinds of channels. */
export const CHANNEL_TYPES = ['console', 'file', 'webhook', 'slack', 'pagerduty', 'alertmanager'] as const;

/**
 * Writes a line an alert to the output of the program.
 *
 * @public
 */
export interface ConsoleChannelConfig {
  /** The kind of channel. */
  readonly type: 'console';
}

/**
 * Appends a JSON line an alert to a file.
 *
 * @public
 */
export interface FileChannelConfig {
  /** The kind of channel. */
  readonly type: 'file';
  /**
   * Path of the file.
   *
   * @defaultValue `alerts.log` in the directory of the shards
   */
  readonly path?: string | undefined;
  /**
   * Bytes from which on the file is renamed to `<path>.1`, at least 1024.
   *
   * @defaultValue 10,485,760
   */
  readonly maxBytes?: number | undefined;
}

/**
 * What channels that post over HTTP have in common.
 *
 * @public
 */
export interface HttpChannelConfig {
  /**
   * Milliseconds that an attempt may take, from 100 to 10,000.
   *
   * @defaultValue 8000
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * Posts what an Alertmanager posts to a webhook, payload version 4.
 *
 * @public
 */
export interface WebhookChannelConfig extends HttpChannelConfig {
  /** The kind of channel. */
  readonly type: 'webhook';
  /** The http or https URL. */
  readonly url: Secret;
  /**
   * Signs each request as Standard Webhooks has it; `whsec_` and base64, or any text.
   *
   * @defaultValue not signed
   */
  readonly secret?: Secret | undefined;
  /** Further headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, Secret>> | undefined;
}

/**
 * Posts a message to an incoming webhook of Slack.
 *
 * @public
 */
export interface SlackChannelConfig extends HttpChannelConfig {
  /** The kind of channel. */
  readonly type: 'slack';
  /** The URL of the incoming webhook. */
  readonly url: Secret;
  /**
   * Template of the message's first line.
   *
   * @defaultValue what fires, how many, how bad
   */
  readonly title?: string | undefined;
  /**
   * Template of what is said of each alert.
   *
   * @defaultValue summary, description, labels, value and time
   */
  readonly text?: string | undefined;
}

/**
 * Triggers and resolves incidents of PagerDuty, Events API v2, one a group.
 *
 * @public
 */
export interface PagerDutyChannelConfig extends HttpChannelConfig {
  /** The kind of channel. */
  readonly type: 'pagerduty';
  /** The integration key of the service. */
  readonly routingKey: Secret;
  /**
   * Where events go.
   *
   * @defaultValue `https://events.pagerduty.com/v2/enqueue`
   */
  readonly url?: Secret | undefined;
  /**
   * What the incidents are about. It is part of what tells incidents apart, so that one host never resolves those of
   * another: name it where the host's name changes at each start.
   *
   * @defaultValue the name of the host
   */
  readonly source?: string | undefined;
  /**
   * Template of the incident's title.
   *
   * @defaultValue what fires, and how many
   */
  readonly summary?: string | undefined;
}

/**
 * Posts alerts to Alertmanagers, which group, silence and route them.
 *
 * @public
 */
export interface AlertmanagerChannelConfig extends HttpChannelConfig {
  /** The kind of channel. */
  readonly type: 'alertmanager';
  /** One URL for each Alertmanager of a cluster, without `/api/v2/alerts`. */
  readonly urls: readonly Secret[];
  /** Further headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, Secret>> | undefined;
  /**
   * Milliseconds after which what still fires is sent again, from 1000 to 3,600,000. An Alertmanager takes an alert for
   * resolved when it has not heard of it for four times as long.
   *
   * @defaultValue 60,000
   */
  readonly resendMs?: number | undefined;
}

/**
 * What a channel is.
 *
 * @public
 */
export type ChannelConfig =
  | ConsoleChannelConfig
  | FileChannelConfig
  | WebhookChannelConfig
  | SlackChannelConfig
  | PagerDutyChannelConfig
  | AlertmanagerChannelConfig;

/**
 * What channels need of the program they are in.
 *
 * @public
 */
export interface ChannelContext {
  /** Directory of the shards. */
  readonly directory: string;
  /** The variables that secrets may name. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to the program's output; fulfilled when it is written. */
  readonly write?: ((text: string) => Promise<void>) | undefined;
  /**
   * Whether the output shows colours.
   *
   * @defaultValue false
   */
  readonly colour?: boolean | undefined;
  /**
   * Where people look at the alerts: what messages link to.
   *
   * @defaultValue messages link to nothing
   */
  readonly externalUrl?: string | undefined;
  /** The clock, in Unix milliseconds; for tests. */
  readonly now?: (() => number) | undefined;
}
