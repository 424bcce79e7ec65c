import { createHash, createHmac } from 'node:crypto';
import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import type { ChannelContext, WebhookChannelConfig } from './config.js';
import { readEndpoint } from './endpoint.js';
import { guarded } from './guarded.js';
import { postOnce } from './http.js';
import { common } from './message.js';
import { readHeaders, readSecret } from './secret.js';
import { isoTime } from '../text.js';

/** What Go makes of a time that nobody set: an Alertmanager says so of what has not ended. */
const NEVER = '0001-01-01T00:00:00Z';

/**
 * Posts the payload of an Alertmanager's webhook, version 4, so that whatever takes that takes ours
 * (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
 *
 * @remarks
 * Signed as Standard Webhooks has it (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body. `webhook-id`
 * is there without a secret too, and stays the same when a notification is sent again.
 */
export class WebhookChannel implements Channel {
  readonly name: string;
  readonly #config: WebhookChannelConfig;
  readonly #context: ChannelContext;

  constructor(name: string, config: WebhookChannelConfig, context: ChannelContext) {
    this.name = name;
    this.#config = config;
    this.#context = context;
    this.#read();
  }

  send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    return guarded(async () => {
      const { endpoint, headers, key } = this.#read();
      const body = JSON.stringify(webhookPayload(this.name, notification, this.#context.externalUrl ?? ''));
      const id = /^[\x21-\x7e]{1,255}$/.test(notification.id)
        ? notification.id
        : createHash('sha256').update(notification.id).digest('hex');
      const signature = key === undefined ? {} : sign(key, id, (this.#context.now ?? Date.now)(), body);
      const post = {
        endpoint,
        body,
        headers: { ...headers, 'webhook-id': id, ...signature },
        secrets: Object.values(headers),
        timeoutMs: this.#config.timeoutMs,
      };
      return postOnce(post, signal);
    });
  }

  #read() {
    const { env } = this.#context;
    const { url, secret, headers } = this.#config;
    const where = `channels.${this.name}`;
    return {
      endpoint: readEndpoint(`${where}.url`, url, env),
      headers: readHeaders(`${where}.headers`, headers, env),
      key: secret === undefined ? undefined : keyOf(readSecret(`${where}.secret`, secret, env)),
    };
  }
}

function keyOf(secret: string): Buffer {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
}

function sign(key: Buffer, id: string, now: number, body: string): Record<string, string> {
  const timestamp = String(Math.floor(now / 1000));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

/** A notification as an Alertmanager posts it. */
function webhookPayload(receiver: string, notification: Notification, externalURL: string) {
  const { groupKey, groupLabels, status, alerts, total } = notification;
  return {
    version: '4',
    groupKey,
    truncatedAlerts: Math.max(0, total - alerts.length),
    status,
    receiver,
    groupLabels,
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL,
    alerts: alerts.map((alert) => webhookAlert(alert, externalURL)),
  };
}

function webhookAlert(alert: NotifiedAlert, generatorURL: string) {
  const { status, labels, annotations, startsAt, endsAt, fingerprint } = alert;
  return {
    status,
    labels,
    annotations,
    startsAt: isoTime(startsAt),
    endsAt: endsAt === null ? NEVER : isoTime(endsAt),
    generatorURL,
    fingerprint,
  };
}
