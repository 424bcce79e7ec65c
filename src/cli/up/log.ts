import { formatDuration } from '../format.js';
import { print } from '../output.js';
import { visible } from '../text.js';
import type { CompanionEvent } from './events.js';

/** A companion's own time, where a line begins with one: it is not needed twice. */
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z /;

/**
 * Says what becomes of companions, and what they say.
 *
 * @param json - One object a line on stdout; otherwise lines on stderr, but for what companions have for stdout.
 */
export function logCompanion(name: string, event: CompanionEvent, json: boolean): void {
  const time = new Date().toISOString();
  if (json) {
    print(`${JSON.stringify({ time, companion: name, ...event })}\n`);
    return;
  }
  if (event.type !== 'said') {
    process.stderr.write(`${time} ${name}: ${visible(eventText(event))}\n`);
    return;
  }
  const { stream, message } = event;
  const line = `${TIME.test(message) ? message.slice(0, 25) : `${time} `}${name}: ${visible(message.replace(TIME, ''))}\n`;
  if (stream === 'stdout') print(line);
  else process.stderr.write(line);
}

function eventText(event: Exclude<CompanionEvent, { type: 'said' }>): string {
  switch (event.type) {
    case 'started':
      return event.restarts === 0 ? `started as ${event.pid}` : `started again as ${event.pid}`;
    case 'ready':
      return event.url === null ? 'ready' : `ready: ${event.url}`;
    case 'failed':
      return `${event.error}; next start in ${formatDuration(event.retryMs)}`;
    case 'stopped':
      return event.error === null ? 'stopped' : `stopped: ${event.error}`;
  }
}
