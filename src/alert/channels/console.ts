import type { Channel, Delivery } from '../channel.js';
import type { Notification, NotifiedAlert } from '../notification.js';
import { type ConsoleChannelConfig, type ChannelContext } from './config.js';
import { alertLine } from './message.js';
import { isoTime, plain } from '../text.js';

/** A line for people is not longer than this. */
const MAX_LINE = 1000;

const COLOURS: Readonly<Record<NotifiedAlert['severity'] | 'resolved', number>> = {
  critical: 31,
  warning: 33,
  info: 36,
  resolved: 32,
};

/** Writes one line an alert to the output of the program; colours only where that is a terminal. */
export class ConsoleChannel implements Channel {
  readonly name: string;
  readonly #context: ChannelContext;
  readonly #write: (text: string) => Promise<void>;

  constructor(name: string, _config: ConsoleChannelConfig, context: ChannelContext) {
    this.name = name;
    this.#context = context;
    this.#write = context.write ?? (() => Promise.reject(new Error('there is no output')));
  }

  async send(notification: Notification, signal: AbortSignal): Promise<Delivery> {
    const time = isoTime((this.#context.now ?? Date.now)());
    const { alerts, total, heldBack } = notification;
    const lines = alerts.map((alert) => `${time} ${this.#paint(alert)}`);
    if (total > alerts.length) lines.push(`${time} and ${total - alerts.length} more alerts`);
    if (heldBack > 0) lines.push(`${time} ${heldBack} notifications were held back before`);
    let cancel: (() => void) | undefined;
    try {
      signal.throwIfAborted();
      const gone = new Promise<never>((_resolve, reject) => {
        cancel = () => {
          reject(new Error('interrupted'));
        };
        signal.addEventListener('abort', cancel, { once: true });
      });
      await Promise.race([this.#write(`${lines.join('\n')}\n`), gone]);
      return { outcome: 'sent' };
    } catch (error) {
      return { outcome: 'retry', reason: `output: ${error instanceof Error ? error.message : 'it failed'}` };
    } finally {
      if (cancel !== undefined) signal.removeEventListener('abort', cancel);
    }
  }

  #paint(alert: NotifiedAlert): string {
    const line = plain(alertLine(alert), MAX_LINE);
    if (this.#context.colour !== true) return line;
    const code = COLOURS[alert.status === 'resolved' ? 'resolved' : alert.severity];
    return `\x1b[${code}m${line}\x1b[0m`;
  }
}
