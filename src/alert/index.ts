export { Alerter } from './alerter.js';
export type { Channel, Delivery } from './channel.js';
export type {
  AlertmanagerChannelConfig,
  ChannelConfig,
  ChannelContext,
  ConsoleChannelConfig,
  FileChannelConfig,
  HttpChannelConfig,
  PagerDutyChannelConfig,
  SlackChannelConfig,
  WebhookChannelConfig,
} from './channels/config.js';
export { createChannel } from './channels/create.js';
export type { Secret } from './channels/secret.js';
export { createAlerter } from './create-alerter.js';
export type { CurrentAlert } from './current.js';
export type { AlertEvent, EventMessage } from './events.js';
export type { AlertLimits } from './limits.js';
export type { Notification, NotifiedAlert, Severity } from './notification.js';
export type { AlerterOptions } from './options.js';
export { AlertRules, defaultAlerts, readAlerts } from './rules.js';
export type { AlerterStatus } from './status.js';
