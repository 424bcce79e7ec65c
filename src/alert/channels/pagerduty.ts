import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import type { ChannelContext, PagerDutyChannelConfig } from './config.js';
import { readEndpoint } from './endpoint.js';
import { guarded } from './guarded.js';
import { postOnce } from './http.js';
import * as message from './message.js';
import { readSecret } from './secret.js';
import { renderTemplate } from '../template.js';
import { cut, isoTime, plain } from '../text.js';

const DEFAULT_URL = 'https://events.pagerduty.com/v2/enqueue';

const MAX_SUMMARY = 1024;

/** Of 512 KB a letter can take three bytes, and a listed alert may be as long as a line of a shard. */
const MAX_LIST = 40_000;

const MAX_LINE = 4000;

/** PagerDuty says no Retry-After, and its documents ask for 30 s. */
const LIMITED_MS = 30_000;

/**
 * Triggers and resolves through the Events API v2
 * (https://developer.pagerduty.com/docs/events-api-v2/trigger-events/).
 *
 * @remarks
 * One incident a group: 500 agents over a limit are one page, and PagerDuty takes some 120 events a minute and key. The
 * `dedup_key` is a hash of source and group, the same after a restart.
 */
export class PagerDutyChannel implements Channel {
  readonly name: string;
  readonly #config: PagerDutyChannelConfig;
  readonly #context: ChannelContext;
  readonly #source: string;

  constructor(name: string, config: PagerDutyChannelConfig, context: ChannelContext) {
    this.name = name;
    this.#config = config;
    this.#context = context;
    this.#source = config.source ?? hostname();
    this.#read();
  }

  send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    return guarded(async () => {
      const { endpoint, routingKey } = this.#read();
      const event = {
        routing_key: routingKey,
        ...pagerDutyEvent(notification, this.#source, this.#config.summary, this.#context.externalUrl),
      };
      const { timeoutMs } = this.#config;
      const body = JSON.stringify(event);
      return postOnce({ endpoint, body, secrets: [routingKey], timeoutMs, limitedMs: LIMITED_MS }, signal);
    });
  }

  #read() {
    const { env } = this.#context;
    const where = `channels.${this.name}`;
    return {
      endpoint: readEndpoint(`${where}.url`, this.#config.url ?? DEFAULT_URL, env),
      routingKey: readSecret(`${where}.routingKey`, this.#config.routingKey, env),
    };
  }
}

function pagerDutyEvent(
  notification: Notification,
  source: string,
  template: string | undefined,
  link: string | undefined,
) {
  const { status, severity, alerts, groupKey, groupLabels, total, heldBack } = notification;
  const firing = alerts.filter((alert) => alert.status === 'firing');
  const resolved = alerts.filter((alert) => alert.status === 'resolved');
  const firingCount = message.firingCount(notification);
  const rules = [...new Set(alerts.map(({ rule }) => rule))].join(', ');
  const start = Math.min(...alerts.map(({ startsAt }) => startsAt));
  return {
    event_action: status === 'firing' ? 'trigger' : 'resolve',
    dedup_key: createHash('sha256')
      .update(JSON.stringify([source, groupKey]))
      .digest('hex'),
    client: 'cfn-metrics',
    ...(link === undefined ? {} : { client_url: link }),
    payload: {
      summary: summaryOf(notification, template),
      source,
      severity,
      ...(Number.isFinite(start) ? { timestamp: isoTime(start) } : {}),
      group: cut(groupText(groupLabels) || groupKey, 255),
      class: cut(rules, 255),
      custom_details: {
        num_firing: String(firingCount),
        num_resolved: String(total - firingCount),
        firing: list(firing),
        resolved: list(resolved),
        ...(total > alerts.length ? { not_listed: String(total - alerts.length) } : {}),
        ...(heldBack > 0 ? { held_back: String(heldBack) } : {}),
      },
    },
    links: linksOf(alerts),
  };
}

/** PagerDuty refuses an event without a summary. */
function summaryOf(notification: Notification, template = '{{ title }}'): string {
  const text = renderTemplate(template, message.notificationVariables(notification), undefined, MAX_SUMMARY);
  return text.trim() === '' ? cut(message.title(notification), MAX_SUMMARY) : text;
}

function groupText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}=${text}`);
  return pairs.join(', ');
}

function list(alerts: readonly NotifiedAlert[]): string {
  const lines = alerts.map((alert) => {
    const description = alert.annotations['description'];
    return plain(
      `${message.alertLine(alert)}${description === undefined ? '' : `: ${description}`}`,
      MAX_LINE,
    );
  });
  return cut(lines.join('\n'), MAX_LIST);
}

/** Annotations that are links, such as `runbook_url`, each once. */
function linksOf(alerts: readonly NotifiedAlert[]): { href: string; text: string }[] {
  const links = new Map<string, string>();
  for (const [name, href] of alerts.flatMap(({ annotations }) => Object.entries(annotations))) {
    if (/^https?:\/\/\S{1,1000}$/.test(href)) links.set(href, cut(name, 100));
  }
  return [...links].slice(0, 10).map(([href, text]) => ({ href, text }));
}
