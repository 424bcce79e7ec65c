import { userInfo } from 'node:os';
import { matcherText, parseMatcher, type Silence } from '../../alert/silence.js';
import { changeSilences, newSilenceId, readSilences } from '../../alert/silence-file.js';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';
import { parseDuration } from '../archive/amounts.js';
import { parseFlags } from '../command.js';
import { formatDuration } from '../format.js';
import { print } from '../output.js';
import { outputStyle, outputWidth } from '../style.js';
import { tableLines } from '../table.js';
import { visible } from '../text.js';

const MAX_MATCHERS = 20;
const MAX_TEXT = 500;
/** Longer is no silence, but a rule that nobody needs. */
const LONGEST_SILENCE = '3650d';

/** `alert silence add|list|expire`. */
export async function silenceCommand(
  args: readonly string[],
  stateOf: (flags: {
    readonly dir?: string | undefined;
    readonly state?: string | undefined;
  }) => Promise<string>,
): Promise<number> {
  const [action = '', ...rest] = args;
  if (action === 'add') {
    const flags = parseFlags(rest, {
      ...{ match: 'texts', for: 'text', author: 'text', comment: 'text', dir: 'text', state: 'text' },
    } as const);
    return add(await stateOf(flags), flags);
  }
  if (action === 'list') {
    const flags = parseFlags(rest, { json: 'switch', dir: 'text', state: 'text' } as const);
    return list(await stateOf(flags), flags.json);
  }
  if (action === 'expire') {
    const [id = '', ...others] = rest;
    if (id === '' || id.startsWith('-')) throw bad('alert silence expire needs the id of a silence first');
    return expire(await stateOf(parseFlags(others, { dir: 'text', state: 'text' } as const)), id);
  }
  throw bad(`alert silence must be followed by add, list or expire, got ${shown(action)}`);
}

interface AddFlags {
  readonly match?: readonly string[] | undefined;
  readonly for?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
}

async function add(state: string, { match = [], for: length, author, comment }: AddFlags): Promise<number> {
  if (match.length === 0 || match.length > MAX_MATCHERS) {
    throw bad(`alert silence add needs --match LABEL=VALUE, at most ${MAX_MATCHERS} times`);
  }
  const matchers = match.map((text) => {
    const matcher = parseMatcher(text);
    if (matcher === undefined || text.length > MAX_TEXT) {
      throw bad(`--match must be LABEL=VALUE, !=, =~ or !~ with a pattern of * and ?, got ${shown(text)}`);
    }
    return matcher;
  });
  const ms = parseDuration('--for', length, ['1ms', LONGEST_SILENCE]);
  if (ms === undefined) throw bad('alert silence add needs --for, a time such as 30m or 2h');
  if (comment === undefined || comment.length > MAX_TEXT) throw bad('alert silence add needs --comment: why');
  const now = Date.now();
  const silence: Silence = {
    ...{
      id: newSilenceId(),
      matchers,
      author: author ?? userName(),
      comment,
      startsAt: now,
      endsAt: now + ms,
    },
  };
  await changeSilences(state, now, (silences) => silences.push(silence));
  print(`${silence.id}\n`);
  return 0;
}

function list(state: string, json: boolean): number {
  const now = Date.now();
  const silences = readSilences(state).filter(({ endsAt }) => endsAt > now);
  if (json) {
    print(`${JSON.stringify(silences)}\n`);
    return 0;
  }
  if (silences.length === 0) {
    print('no silences\n');
    return 0;
  }
  const column = (title: string, cell: (silence: Silence) => string) => ({
    title,
    cells: silences.map((silence) => visible(cell(silence))),
  });
  const columns = [
    column('id', ({ id }) => id),
    column('ends in', ({ endsAt }) => formatDuration(endsAt - now)),
    column('matchers', ({ matchers }) => matchers.map(matcherText).join(' ')),
    column('author', ({ author }) => author),
    column('comment', ({ comment }) => comment),
  ];
  print(`${tableLines(columns, outputWidth(), outputStyle().bold).join('\n')}\n`);
  return 0;
}

async function expire(state: string, id: string): Promise<number> {
  const now = Date.now();
  await changeSilences(state, now, (silences) => {
    const found = silences.findIndex((silence) => silence.id === id && silence.endsAt > now);
    if (found < 0) throw bad(`there is no silence ${shown(id)}`);
    silences[found] = { ...silences[found]!, endsAt: now };
  });
  return 0;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? ''}`;
  }
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
