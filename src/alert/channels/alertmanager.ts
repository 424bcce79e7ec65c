import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import type { AlertmanagerChannelConfig, ChannelContext } from './config.js';
import { type Endpoint, readEndpoint } from './endpoint.js';
import { guarded } from './guarded.js';
import { postOnce } from './http.js';
import { readHeaders } from './secret.js';
import { isoTime } from '../text.js';

const DEFAULT_RESEND_MS = 60_000;

/** An alert that was not sent again for so many intervals is over, as with Prometheus. */
const INTERVALS_AHEAD = 4;

/**
 * Posts alerts to every Alertmanager of a cluster, which share what they sent and not what they know
 * (https://prometheus.io/docs/alerting/latest/alerts_api/).
 *
 * @remarks
 * Sent when one of them took it, as with Prometheus: the others get it with the next resend. What resolves is sent whole,
 * for with `endsAt` alone an Alertmanager forgets the annotations.
 */
export class AlertmanagerChannel implements Channel {
  readonly name: string;
  readonly resendMs: number;
  readonly #config: AlertmanagerChannelConfig;
  readonly #context: ChannelContext;

  constructor(name: string, config: AlertmanagerChannelConfig, context: ChannelContext) {
    this.name = name;
    this.resendMs = config.resendMs ?? DEFAULT_RESEND_MS;
    this.#config = config;
    this.#context = context;
    this.#endpoints();
    this.#headers();
  }

  send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    return guarded(async () => {
      const now = (this.#context.now ?? Date.now)();
      const until = now + INTERVALS_AHEAD * this.resendMs;
      const { externalUrl } = this.#context;
      const alerts = notification.alerts.map((alert) => postable(alert, now, until, externalUrl));
      const body = JSON.stringify(alerts);
      const headers = this.#headers();
      const secrets = Object.values(headers);
      const { timeoutMs } = this.#config;
      const posts = this.#endpoints().map((endpoint) => ({ endpoint, body, headers, secrets, timeoutMs }));
      return together(await Promise.all(posts.map((post) => postOnce(post, signal))));
    });
  }

  #headers() {
    return readHeaders(`channels.${this.name}.headers`, this.#config.headers, this.#context.env);
  }

  #endpoints(): Endpoint[] {
    return this.#config.urls.map((address, index) => {
      const where = `channels.${this.name}.urls[${index}]`;
      const { url, ...endpoint } = readEndpoint(where, address, this.#context.env);
      const target = new URL(url);
      target.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v2/alerts`;
      return { ...endpoint, url: target };
    });
  }
}

/** One that took it is enough; else it is tried again where one of them may take it later. */
function together(deliveries: readonly Delivery[]): Delivery {
  if (deliveries.some(({ outcome }) => outcome === 'sent')) return { outcome: 'sent' };
  const reason = deliveries.flatMap((delivery) => ('reason' in delivery ? [delivery.reason] : [])).join('; ');
  const waits = deliveries.flatMap((delivery) =>
    delivery.outcome === 'retry' ? [delivery.retryAfterMs ?? 0] : [],
  );
  if (waits.length === 0) return { outcome: 'refused', reason };
  const retryAfterMs = Math.min(...waits);
  return { outcome: 'retry', reason, ...(retryAfterMs > 0 ? { retryAfterMs } : {}) };
}

function postable(alert: NotifiedAlert, now: number, until: number, generatorURL: string | undefined) {
  const { labels, annotations, startsAt, endsAt } = alert;
  // Times that are the future since the clock was set back are now: what ends before it begins is answered with 400, and
  // what ends in the future fires until then.
  const end = endsAt === null ? until : Math.min(endsAt, now);
  return {
    labels: { alertname: alert.rule, ...validNames(labels) },
    annotations: validNames(annotations),
    startsAt: isoTime(Math.min(startsAt, end, now)),
    endsAt: isoTime(end),
    ...(generatorURL === undefined ? {} : { generatorURL }),
  };
}

/**
 * Names as Prometheus has them, since one bad name makes an Alertmanager answer 400 for all. Names that become the same
 * share their values, joined with `;`, as in OpenTelemetry's mapping to Prometheus. Empty values, which an Alertmanager
 * takes for missing, are left out.
 */
function validNames(texts: Readonly<Record<string, string>>): Record<string, string> {
  const valid = new Map<string, string>();
  for (const name of Object.keys(texts).sort()) {
    const text = texts[name]!.toWellFormed();
    if (text === '') continue;
    const key = name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?![a-zA-Z_])/, '_');
    const before = valid.get(key);
    valid.set(key, before === undefined ? text : `${before};${text}`);
  }
  return Object.fromEntries(valid);
}
