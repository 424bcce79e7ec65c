import type { IncomingMessage, ServerResponse } from 'node:http';
import { Guard } from '../../../adapters/prometheus/guard.js';
import { Window } from '../../analyze/window.js';
import type { WindowQuery } from '../../analyze/window-options.js';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';
import { followRecords, type Tail } from '../../store/tail.js';
import { answerAsJson } from '../answer.js';
import { parseDuration } from '../archive/amounts.js';
import type { FlagValues } from '../command.js';
import { complain } from '../failure.js';
import { QUESTION_FLAGS, readQuestion } from '../question.js';
import type { Settings } from '../settings.js';
import { parseTime } from '../time.js';
import { AnalyzerMetrics } from './analyzer-metrics.js';
import { followerReport } from '../up/follower-report.js';
import type { Service, ServiceContext } from './service.js';

/** Flags of `serve --answers` alone. */
export const ANSWER_FLAGS = { window: 'text' } as const;

const PATH = '/answer';
const DEFAULT_MS = 300_000;
const DAY_MS = 86_400_000;
/** A path with a question; whoever asks more asks in several. */
const MAX_URL = 8192;
/** What a question may say. */
const PARAMETERS = [
  'window',
  'since',
  'until',
  'metric',
  'agent',
  'group-by',
  'quantile',
  'top',
  'by',
  'over',
];
const REPEATED = ['metric', 'agent', 'group-by', 'quantile'];

/** Answers about the last minutes of all metrics, from memory. */
export function answerService(
  flags: FlagValues<typeof ANSWER_FLAGS>,
  { directory, hosts = [], token }: ServiceContext,
  settings: Settings,
): Service {
  const lengthMs = windowOption(flags.window);
  const stop = new AbortController();
  const from = Date.now() - lengthMs;
  const tail = followRecords({ directory, from, signal: stop.signal });
  const follower = new Follower(tail, lengthMs, directory);
  const following = follower.follow();
  const place = settings.directory.value.path;
  const shards = settings.shards.value;
  const guard = new Guard(hosts, token);
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    const [status, text] = refusal(request, guard) ?? follower.answer(request.url!, place, shards);
    if (status === 401) response.setHeader('www-authenticate', 'Bearer');
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await following;
  };
  return {
    handler,
    path: PATH,
    report: () => followerReport(settings.directory.value, follower.caughtUp, follower.lagMs),
    end,
  };
}

/** Follows the shards, and keeps the last minutes. */
class Follower {
  readonly #tail: Tail;
  readonly #window: Window;
  readonly #metrics: AnalyzerMetrics;
  readonly #kept: string;
  #lagMs = 0;
  #lagSince = 0;
  caughtUp = false;

  constructor(tail: Tail, lengthMs: number, directory: string | undefined) {
    this.#tail = tail;
    this.#window = new Window({ lengthMs });
    this.#kept = `${lengthMs / 1000}s`;
    this.#metrics = new AnalyzerMetrics(directory, () => {
      const { records, series } = this.#window.counts;
      const { torn, foreign } = this.#tail.counts;
      return { records, series, damaged: torn + foreign, lagMs: this.lagMs };
    });
  }

  /** The largest time of late between the append of a record and its reading. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Follows until the tail ends. */
  async follow(): Promise<void> {
    // What was there before says nothing about lag.
    for (const { records } of this.#tail.poll()) for (const record of records) this.#window.add(record);
    this.caughtUp = true;
    try {
      for await (const { records } of this.#tail) {
        const now = Date.now();
        const lagMs = Math.max(0, now - records[0]!.time);
        if (lagMs > this.#lagMs || now - this.#lagSince > 1000) [this.#lagMs, this.#lagSince] = [lagMs, now];
        for (const record of records) this.#window.add(record);
      }
    } catch (error) {
      // Without what is followed there is nothing to answer: who supervises this starts it anew.
      complain(error);
      process.exitCode = 1;
      process.kill(process.pid, 'SIGTERM');
    }
    await this.#metrics.close();
  }

  /** What is to be answered to a question: the status, and JSON. */
  answer(url: string, directory: string, shards: number): [status: number, text: string] {
    const startedAt = performance.now();
    try {
      const analysis = this.#window.analyze(readUrl(url, shards, this.#kept));
      const { torn, foreign, unreadable } = this.#tail.counts;
      const read = { torn, foreign, unreadable: [...unreadable] };
      const text = answerAsJson({ analysis, counts: read, directory });
      this.#metrics.answered(performance.now() - startedAt);
      return [200, text];
    } catch (error) {
      if (error instanceof MetricsError) return [400, `${JSON.stringify({ error: error.message })}\n`];
      complain(error);
      return [500, `${JSON.stringify({ error: 'the question could not be answered' })}\n`];
    }
  }
}

function readUrl(url: string, shards: number, longest: string): WindowQuery {
  const { searchParams } = new URL(url, 'http://localhost');
  const unknown = [...searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (unknown !== undefined) throw bad(`there is no ${shown(unknown)}; there are ${PARAMETERS.join(', ')}`);
  const said = (name: string): string | undefined => searchParams.getAll(name).at(-1);
  const asked = Object.keys(QUESTION_FLAGS).map((name) => {
    const all = searchParams.getAll(name);
    return [name, all.length === 0 ? undefined : REPEATED.includes(name) ? all : all.at(-1)];
  });
  const { options } = asParameters(() =>
    readQuestion(Object.fromEntries(asked) as Parameters<typeof readQuestion>[0], shards),
  );
  const now = Date.now();
  const time = (name: string): number | undefined => {
    const text = said(name);
    return text === undefined ? undefined : parseTime(name, text, now);
  };
  const lengthMs = parseDuration('window', said('window'), ['1ms', longest]);
  if (lengthMs !== undefined && said('since') !== undefined) throw bad('since and window exclude each other');
  const { metrics, agents, groupBy, quantiles, top, over } = options;
  const other = groupBy?.find((key) => key !== 'metric' && key !== 'agent');
  if (other !== undefined) throw bad(`group-by must list metric or agent, got ${shown(other)}`);
  return {
    ...{ metrics, agents, groupBy, quantiles, top, over },
    ...{ since: time('since'), until: time('until'), lengthMs },
  };
}

/** What is a flag elsewhere is a parameter here, and so it is called. */
function asParameters<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof MetricsError ? bad(error.message.replaceAll('--', '')) : error;
  }
}

function refusal(request: IncomingMessage, guard: Guard): [status: number, text: string] | undefined {
  const say = (status: number, error: string): [number, string] => [status, `${JSON.stringify({ error })}\n`];
  const { method, url = '' } = request;
  if (!guard.isMeantForUs(request)) return say(403, 'this host name is not among the allowed ones');
  if (method !== 'GET' && method !== 'HEAD') return say(405, 'GET or HEAD');
  if (url.length > MAX_URL) return say(414, `a question may have ${MAX_URL} characters`);
  if (url.split('?')[0] !== PATH) return say(404, `there is ${PATH}`);
  return guard.isAuthorized(request) ? undefined : say(401, 'a bearer token is needed');
}

function windowOption(text: string | undefined): number {
  const ms = parseDuration('--window', text) ?? DEFAULT_MS;
  if (ms >= 1000 && ms <= DAY_MS && ms % 1000 === 0) return ms;
  throw bad(`--window must be whole seconds from 1s to 1d, got ${shown(text)}`);
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
