import { setTimeout as delay } from 'node:timers/promises';
import type { Analysis } from '../analyze/analyzer.js';
import { Window } from '../analyze/window.js';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import type { MetricRecord } from '../record.js';
import { requireDirectory } from '../store/reader.js';
import { followRecords, type Tail } from '../store/tail.js';
import { parseDuration } from './archive/amounts.js';
import { type Command, parseFlags } from './command.js';
import { recordFilter } from './filter.js';
import { print, watchOutput } from './output.js';
import { namedDirectory, readSettings } from './settings.js';
import { outputStyle } from './style.js';
import { afterKey, type Choice, FIRST_CHOICE, type Key } from './watch/choice.js';
import { frameLines, pageOf, type Picture, type Size } from './watch/frame.js';
import { countAgents, type Moment, rowKey, type Row, rowsOf } from './watch/rows.js';
import { Screen } from './watch/screen.js';
import { TREND_LENGTH, Trends } from './watch/trends.js';

const HELP = `Usage: cfn-metrics watch [OPTION]…

Watch all metrics live: rates, quantiles and trends of the last seconds, agents, drops and lag.

  --window TIME      how much is looked at, 1s to 1h (default: 30s)
  --metric GLOB      metrics to show, * and ? are wildcards; may be repeated
  --agent ID         agents to show; may be repeated
  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --once             print one frame and end
  --help             this text

Keys: arrows move, Enter opens a metric's agents and an agent's metrics, Esc goes back, s and S choose what to sort
by, r reverses, / filters, p pauses, q quits. A trend has a value a second, of the average, or of a counter's rate.

Example: cfn-metrics watch --window 1m --metric 'coordination_*'
`;

const FLAGS = { window: 'text', metric: 'texts', agent: 'texts', dir: 'text', once: 'switch' } as const;

const SECOND_MS = 1000;
const MAX_WINDOW_MS = 3_600_000;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  const windowMs = windowOption(flags.window);
  const wanted = recordFilter(flags.metric, flags.agent);
  if (!flags.once && !process.stdout.isTTY) throw bad('watch needs a terminal; --once prints one frame');
  const settings = await readSettings(flags);
  requireDirectory(settings.directory.value);
  const stop = new AbortController();
  watchOutput(() => stop.abort());
  const lengthMs = windowMs + TREND_LENGTH * SECOND_MS;
  const tail = followRecords({
    directory: namedDirectory(settings),
    from: Date.now() - lengthMs,
    signal: stop.signal,
  });
  const watch = new Watch(tail, new Window({ lengthMs }), {
    windowMs,
    wanted,
    directory: settings.directory.value.path,
  });
  watch.catchUp();
  if (flags.once) {
    const size: Size = { columns: process.stdout.columns || Infinity, lines: Infinity };
    print(`${watch.frame(FIRST_CHOICE, size).lines.join('\n')}\n`);
    return 0;
  }
  await watchLive(watch, stop);
  return 0;
}

type Filter = (record: MetricRecord) => boolean;

/** What is looked at. */
interface WatchOptions {
  readonly windowMs: number;
  readonly wanted: Filter;
  readonly directory: string;
}

/** The records that are followed, and what they say. */
class Watch {
  readonly #tail: Tail;
  readonly #window: Window;
  readonly #windowMs: number;
  readonly #wanted: Filter;
  readonly #directory: string;
  readonly #trends = new Trends();
  readonly #style = outputStyle();
  #moment: Moment = { metrics: [], agents: [], seconds: 1 };
  #picture: Omit<Picture, 'rows'> | undefined;
  #lagMs: number | null = null;

  constructor(tail: Tail, window: Window, { windowMs, wanted, directory }: WatchOptions) {
    this.#tail = tail;
    this.#window = window;
    this.#windowMs = windowMs;
    this.#wanted = wanted;
    this.#directory = directory;
  }

  /** Reads what is there, and looks at each of the seconds that a trend shows. */
  catchUp(): void {
    for (const { records } of this.#tail.poll()) this.#add(records);
    const now = Date.now();
    for (let ago = TREND_LENGTH - 1; ago >= 0; ago -= 1) this.look(now - ago * SECOND_MS);
  }

  /** Follows until the tail ends. */
  async follow(): Promise<void> {
    for await (const { records } of this.#tail) {
      this.#add(records);
      this.#lagMs = Math.max(this.#lagMs ?? 0, Date.now() - records.at(-1)!.time);
    }
  }

  /** Takes a look at the window that ends with the second of a time. */
  look(time: number): void {
    const lengthMs = this.#windowMs;
    const ask = (groupBy: ('metric' | 'agent')[]): Analysis =>
      this.#window.analyze({ until: time, lengthMs, groupBy });
    const metrics = ask(['metric']);
    const agents = ask(['metric', 'agent']);
    const seconds = lengthMs / SECOND_MS;
    this.#moment = { metrics: metrics.groups, agents: agents.groups, seconds };
    const all = [...metrics.groups, ...agents.groups];
    this.#trends.add(all.map((group) => [rowKey(group), group.rate ?? group.avg] as const));
    const { torn, foreign, unreadable } = this.#tail.counts;
    this.#picture = {
      directory: this.#directory,
      time,
      windowMs: lengthMs,
      trendOf: (row) => this.#trends.of(row),
      mixed: new Set(metrics.mixed),
      agents: countAgents(this.#moment),
      recordsASecond: metrics.records / seconds,
      dropped: metrics.dropped,
      torn,
      foreign,
      unreadable: unreadable.length,
      lagMs: this.#lagMs,
    };
    this.#lagMs = null;
  }

  /** What is to be seen, and the rows of it. */
  frame(choice: Choice, size: Size): { readonly lines: string[]; readonly rows: readonly Row[] } {
    const rows = rowsOf(this.#moment, choice);
    return { lines: frameLines({ ...this.#picture!, rows }, choice, size, this.#style), rows };
  }

  #add(records: readonly MetricRecord[]): void {
    for (const record of records) if (this.#wanted(record)) this.#window.add(record);
  }
}

/** Shows a frame a second, and one after each key, until somebody quits. */
async function watchLive(watch: Watch, stop: AbortController): Promise<void> {
  let choice = FIRST_CHOICE;
  let rows: readonly Row[] = [];
  const show = (): void => {
    const frame = watch.frame(choice, screen.size);
    rows = frame.rows;
    screen.draw(frame.lines);
  };
  const onKey = (key: Key): void => {
    const names = rows.map(({ name }) => name);
    const next = afterKey(choice, key, names, pageOf(screen.size));
    if (next === 'quit') {
      stop.abort();
      return;
    }
    choice = next;
    show();
  };
  const screen = new Screen({ onKey, onResize: show });
  const end = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const following = watch.follow();
  // Whatever ends the process, the terminal is given back.
  const giveBack = (): void => screen.release();
  process.once('exit', giveBack);
  screen.take();
  try {
    while (!stop.signal.aborted) {
      show();
      await Promise.race([
        delay(SECOND_MS, undefined, { signal: stop.signal }).catch(() => undefined),
        following,
      ]);
      if (!choice.paused) watch.look(Date.now());
    }
    await following;
  } finally {
    screen.release();
    process.off('exit', giveBack);
  }
}

function windowOption(text: string | undefined): number {
  const ms = parseDuration('--window', text) ?? 30_000;
  if (ms >= SECOND_MS && ms <= MAX_WINDOW_MS && ms % SECOND_MS === 0) return ms;
  throw bad(`--window must be whole seconds from 1s to 1h, got ${shown(text)}`);
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}

/** All metrics, live. */
export const watchCommand: Command = { help: HELP, run };
