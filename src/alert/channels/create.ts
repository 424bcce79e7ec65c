import { MetricsError } from '../../errors.js';
import type { Channel } from '../channel.js';
import { AlertmanagerChannel } from './alertmanager.js';
import type { ChannelConfig, ChannelContext } from './config.js';
import { ConsoleChannel } from './console.js';
import { FileChannel } from './file.js';
import { PagerDutyChannel } from './pagerduty.js';
import { readChannelConfig } from './read-config.js';
import { SlackChannel } from './slack.js';
import { WebhookChannel } from './webhook.js';

/**
 * Makes a channel.
 *
 * @remarks
 * Secrets are read here, so that a missing one is found at the start, and again at each sending: a file may be replaced
 * while the alerter runs. Nothing is sent.
 *
 * @param name - As the rules name it; the `receiver` of webhooks.
 * @param config - What it is.
 * @param context - What it needs of the program.
 * @throws MetricsError `ERR_METRICS_OPTION` where a setting is not as it must be or a secret is missing; names the setting,
 * as in `channels.ops.url`, and the variable or file, and never what they hold.
 *
 * @public
 */
export function createChannel(name: string, config: ChannelConfig, context: ChannelContext): Channel {
  const checked = readChannelConfig(config, (path, message) => {
    const setting = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
    throw new MetricsError('ERR_METRICS_OPTION', `channels.${name}${setting} ${message}`);
  });
  return make(name, checked ?? config, context);
}

function make(name: string, config: ChannelConfig, context: ChannelContext): Channel {
  switch (config.type) {
    case 'console':
      return new ConsoleChannel(name, config, context);
    case 'file':
      return new FileChannel(name, config, context);
    case 'webhook':
      return new WebhookChannel(name, config, context);
    case 'slack':
      return new SlackChannel(name, config, context);
    case 'pagerduty':
      return new PagerDutyChannel(name, config, context);
    case 'alertmanager':
      return new AlertmanagerChannel(name, config, context);
  }
}
