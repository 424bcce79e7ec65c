import type { ForwardEvent } from '../../forward/events.js';
import { counted, formatDuration } from '../format.js';
import { print } from '../output.js';
import { visible } from '../text.js';

/** Says what a forwarder does: for people on stderr, as JSON on stdout. */
export function logForward(event: ForwardEvent, json: boolean): void {
  const time = new Date().toISOString();
  if (json) {
    print(`${JSON.stringify({ time, ...event })}\n`);
    return;
  }
  const text = eventText(event);
  if (text !== undefined) process.stderr.write(`${time} ${visible(`${event.backend}: ${text}`)}\n`);
}

function eventText(event: ForwardEvent): string | undefined {
  switch (event.type) {
    case 'forwarded':
      return undefined;
    case 'retry':
      return `${event.reason}; ${counted(event.points, 'point')} again in ${formatDuration(event.retryMs)}`;
    case 'refused':
      return event.file === undefined
        ? `${counted(event.points, 'point')} of an accepted request refused: ${event.reason}`
        : `${counted(event.points, 'point')} refused, they are in ${event.file}: ${event.reason}`;
    case 'tooOld':
      return `${counted(event.points, 'point')} not sent: the backend takes none as old as ${new Date(event.oldest).toISOString()}`;
    case 'untold':
      return `${counted(event.points, 'point')} not sent: ${event.reason}`;
    case 'lost':
      return `${counted(event.files, 'file')} ${event.reason}${event.bytes > 0 ? `, ${event.bytes} bytes of them unread` : ''}`;
    case 'error':
      return `error: ${event.message}`;
  }
}
