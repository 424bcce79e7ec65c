import type { AlertEvent } from '../../alert/events.js';
import { counted, formatDuration } from '../format.js';
import { visible } from '../text.js';

/** Says on stderr what the alerter does; alerts themselves are the channels' to tell. */
export function logEvent(event: AlertEvent): void {
  const text = eventText(event);
  if (text !== undefined) process.stderr.write(`${new Date().toISOString()} ${visible(text)}\n`);
}

function eventText(event: AlertEvent): string | undefined {
  switch (event.type) {
    case 'fired':
    case 'escalated':
    case 'resolved':
      return undefined;
    case 'sent':
      return `${event.channel}: told ${event.status} ${groupText(event.group)}, ${counted(event.alerts, 'alert')}`;
    case 'failed':
      return `${event.channel}: ${event.reason}; next attempt in ${formatDuration(event.retryMs)}`;
    case 'refused':
      return `${event.channel}: refused ${groupText(event.group)}, it is not sent again: ${event.reason}`;
    case 'heldBack':
      return `${event.channel}: held back ${groupText(event.group)}, more than it may get in a minute`;
    case 'reloaded':
      return `reloaded: ${counted(event.rules, 'rule')}`;
    case 'error':
      return `error: ${event.message}`;
  }
}

function groupText(group: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(group).map(([name, text]) => `${name}=${text}`);
  return pairs.length === 0 ? 'alerts' : pairs.join(', ');
}
