import { emitKeypressEvents } from 'node:readline';
import type { Key } from './choice.js';
import type { Size } from './frame.js';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
/** Terminals that know of it show everything in between at once: https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036 */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';

/** What happens on a screen. */
export interface ScreenEvents {
  readonly onKey: (key: Key) => void;
  readonly onResize: () => void;
}

/** The whole terminal, its cursor hidden, and given back as it was. Only lines that changed are written. */
export class Screen {
  readonly #onKey: (text: string | undefined, key: Key) => void;
  readonly #onResize: () => void;
  #lines: readonly string[] = [];
  #taken = false;

  constructor({ onKey, onResize }: ScreenEvents) {
    this.#onKey = (_text, key) => {
      if (key.ctrl === true && key.name === 'z') this.#suspend();
      else onKey(key);
    };
    this.#onResize = () => {
      this.#lines = [];
      onResize();
    };
  }

  /** How large it is. */
  get size(): Size {
    const { columns, rows } = process.stdout;
    // Some terminals do not say, or say nothing.
    return { columns: columns || 80, lines: rows || 24 };
  }

  /** Takes the terminal; keys come from stdin where that is a terminal too. */
  take(): void {
    if (this.#taken) return;
    this.#taken = true;
    this.#lines = [];
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.#onResize);
    if (!process.stdin.isTTY) return;
    emitKeypressEvents(process.stdin);
    process.stdin.setRawMode(true);
    process.stdin.on('keypress', this.#onKey);
    process.stdin.resume();
  }

  /** Gives the terminal back. */
  release(): void {
    if (!this.#taken) return;
    this.#taken = false;
    process.stdout.off('resize', this.#onResize);
    if (process.stdin.isTTY) {
      process.stdin.off('keypress', this.#onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    process.stdout.write(LEAVE);
  }

  /** Shows lines, no more than there is room for; styles must not reach from one line into the next. */
  draw(lines: readonly string[]): void {
    // A terminal that is behind gets the next frame; frames do not pile up.
    if (process.stdout.writableNeedDrain) return;
    const clear = this.#lines.length === 0 ? '\x1b[2J' : '';
    let changes = '';
    for (const [i, line] of lines.entries()) {
      if (line !== this.#lines[i]) changes += `\x1b[${i + 1};1H${line}\x1b[K`;
    }
    if (clear + changes !== '') process.stdout.write(BEGIN + clear + changes + END);
    this.#lines = lines;
  }

  /** Ctrl-Z, which a raw terminal does not see to. */
  #suspend(): void {
    this.release();
    process.once('SIGCONT', () => {
      this.take();
      this.#onResize();
    });
    process.kill(process.pid, 'SIGTSTP');
  }
}
