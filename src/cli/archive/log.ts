import type { ArchiveEvent } from '../../archive/events.js';
import { counted, formatBytes, formatDuration } from '../format.js';
import { print } from '../output.js';
import { visible } from '../text.js';

const REASONS = { age: 'old enough', size: 'too much' } as const;

/**
 * Says what the archiver does: a line on stderr, or an object on stdout.
 *
 * @param once - Whether it ends after this, so that there is no next attempt.
 */
export function logEvent(event: ArchiveEvent, json: boolean, once: boolean): void {
  const time = new Date().toISOString();
  if (json) {
    const shown =
      event.type === 'error'
        ? { ...event, error: event.error.message, retryMs: once ? undefined : event.retryMs }
        : event;
    print(`${JSON.stringify({ time, ...shown })}\n`);
  } else process.stderr.write(`${time} ${visible(eventText(event, once))}\n`);
}

function eventText(event: ArchiveEvent, once: boolean): string {
  switch (event.type) {
    case 'synced':
      return `synced ${formatBytes(event.bytes)} in ${formatDuration(event.ms)}`;
    case 'sealed':
      return `sealed ${event.name}`;
    case 'compressed': {
      const { bytes, compressedBytes, lines, torn } = event.entry;
      const sizes = `${formatBytes(bytes)} to ${formatBytes(compressedBytes)}`;
      return `compressed ${event.name}: ${sizes}, ${counted(lines, 'line')}, ${torn} torn`;
    }
    case 'released':
      return `released ${event.name} from RAM: ${REASONS[event.reason]}`;
    case 'deleted':
      return `deleted ${event.name} from the archive: ${REASONS[event.reason]}`;
    case 'error':
      return `error: ${event.error.message}${once ? '' : `; next attempt in ${formatDuration(event.retryMs)}`}`;
    case 'recovered':
      return `works again, after ${formatDuration(event.ms)}`;
  }
}
