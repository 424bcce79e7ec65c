import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import type { ChannelContext, SlackChannelConfig } from './config.js';
import { readEndpoint } from './endpoint.js';
import { guarded } from './guarded.js';
import { postOnce } from './http.js';
import * as message from './message.js';
import { cutEscaped, renderTemplate } from '../template.js';
import { cut, isoTime } from '../text.js';

/** A section takes 3000, and all blocks of a message together some 13,000 (slackapi/bolt-js#2509). */
const MAX_ALERT = 1000;
const MAX_TITLE = 1000;

/** The words are those of Slack's attachments; a critical and a resolved one look as those of an Alertmanager. */
const COLOURS: Readonly<Record<NotifiedAlert['severity'] | 'resolved', string>> = {
  critical: 'danger',
  warning: 'warning',
  info: '#439FE0',
  resolved: 'good',
};

const DEFAULT_TITLE = '{{ title }}';

/**
 * Posts to an incoming webhook of Slack: a first line, which notifications and screen readers show, and beside a bar in
 * the colour of the severity the worst alerts, ten at most
 * (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
 */
export class SlackChannel implements Channel {
  readonly name: string;
  readonly #config: SlackChannelConfig;
  readonly #context: ChannelContext;

  constructor(name: string, config: SlackChannelConfig, context: ChannelContext) {
    this.name = name;
    this.#config = config;
    this.#context = context;
    this.#endpoint();
  }

  send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    return guarded(async () => {
      const body = JSON.stringify(slackMessage(notification, this.#config, this.#context.externalUrl));
      return postOnce({ endpoint: this.#endpoint(), body, timeoutMs: this.#config.timeoutMs }, signal);
    });
  }

  #endpoint() {
    return readEndpoint(`channels.${this.name}.url`, this.#config.url, this.#context.env);
  }
}

/** What Slack takes for more than text; everything else it shows as it is. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

type Templates = Pick<SlackChannelConfig, 'title' | 'text'>;

/** A notification as Slack takes it. */
function slackMessage(notification: Notification, templates: Templates, link: string | undefined) {
  const { status, severity, alerts, total, heldBack } = notification;
  const text = titleOf(notification, templates.title, link);
  const named = alerts.slice(0, message.NAMED_ALERTS);
  const notes = [
    ...(total > named.length ? [`and ${total - named.length} more`] : []),
    ...(heldBack > 0 ? [`${heldBack} notifications were held back before this one`] : []),
  ];
  const blocks = [
    ...named.map((alert) => ({ type: 'section', text: mrkdwn(alertText(alert, templates.text)) })),
    ...(notes.length > 0 ? [{ type: 'context', elements: [mrkdwn(notes.join('; '))] }] : []),
  ];
  const color = COLOURS[status === 'resolved' ? 'resolved' : severity];
  return { text, attachments: [{ color, fallback: text, blocks }] };
}

/** verbatim: no word of a stranger becomes a link or wakes anybody. */
function mrkdwn(text: string) {
  return { type: 'mrkdwn', text, verbatim: true };
}

function titleOf(notification: Notification, template: string | undefined, link: string | undefined): string {
  const variables = message.notificationVariables(notification);
  if (template !== undefined) return renderTemplate(template, variables, escapeSlack, MAX_TITLE);
  const tag = message.statusTag(notification);
  const line = renderTemplate(DEFAULT_TITLE, variables, escapeSlack, MAX_TITLE);
  const severity = notification.status === 'firing' ? ` (${notification.severity})` : '';
  const shown = `${tag} ${line}`;
  return link === undefined ? `${shown}${severity}` : `<${escapeSlack(link)}|${shown}>${severity}`;
}

function alertText(alert: NotifiedAlert, template: string | undefined): string {
  if (template !== undefined) {
    const text = renderTemplate(template, message.alertVariables(alert), escapeSlack, MAX_ALERT);
    // Slack refuses the whole message for one empty section.
    return text.trim() === '' ? escapeSlack(cut(alert.rule, MAX_ALERT)) : text;
  }
  const { startsAt, endsAt, status, severity } = alert;
  const end = endsAt === null ? '' : `, resolved after ${message.duration(endsAt - startsAt)}`;
  const head = `*${escapeSlack(cut(message.headline(alert), 200))}* (${status === 'resolved' ? status : severity})`;
  const details = [alert.annotations['description'] ?? '', message.labelText(alert), message.valueText(alert)]
    .filter((text) => text !== '')
    .map((text) => `\n${escapeSlack(text)}`);
  const time = `\nsince ${slackTime(startsAt)}${end}`;
  return `${cutEscaped(`${head}${details.join('')}`, MAX_ALERT - time.length)}${time}`;
}

/** A time that Slack shows in the zone of who reads it. */
function slackTime(time: number): string {
  const fallback = isoTime(time);
  return `<!date^${Math.floor(time / 1000)}^{date_short_pretty} {time_secs}|${fallback}>`;
}
