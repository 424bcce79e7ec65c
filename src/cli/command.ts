import { parseArgs } from 'node:util';
import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import { nearest } from './suggest.js';

/** A subcommand. */
export interface Command {
  /** What `--help` prints; it ends with an example. */
  readonly help: string;
  /** Runs it, and gives the exit code. */
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** What a flag takes: nothing, one text (the last counts), or one text each time it is given. */
export type FlagKind = 'switch' | 'text' | 'texts';

/** The values of flags. */
export type FlagValues<F extends Readonly<Record<string, FlagKind>>> = {
  readonly [K in keyof F]: F[K] extends 'switch'
    ? boolean
    : F[K] extends 'texts'
      ? readonly string[] | undefined
      : string | undefined;
};

/**
 * Reads the flags of a command.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` naming the flag and what is wrong with it.
 */
export function parseFlags<const F extends Readonly<Record<string, FlagKind>>>(
  args: readonly string[],
  flags: F,
): FlagValues<F> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, kind]) => [
      name,
      { type: kind === 'switch' ? ('boolean' as const) : ('string' as const), multiple: kind === 'texts' },
    ]),
  );
  // Not strict, since its messages take several lines and leave out the value; the tokens say all there is.
  const { values, tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') throw bad(`unexpected argument ${shown(token.value)}`);
    if (token.kind === 'option') checkFlag(token, flags);
  }
  const all = Object.keys(flags).map((name) => [name, values[name] ?? unset(flags[name]!)]);
  return Object.fromEntries(all) as FlagValues<F>;
}

function unset(kind: FlagKind): false | undefined {
  return kind === 'switch' ? false : undefined;
}

interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function checkFlag(
  { name, rawName, value, inlineValue }: FlagToken,
  flags: Readonly<Record<string, FlagKind>>,
): void {
  if (!Object.hasOwn(flags, name) || !rawName.startsWith('--')) {
    const guess = nearest(name, Object.keys(flags));
    const hint = guess === undefined ? '--help lists all' : `did you mean --${guess}?`;
    throw bad(`unknown option ${shown(rawName)}; ${hint}`);
  }
  if (flags[name] === 'switch') {
    if (value !== undefined) throw bad(`${rawName} takes no value, got ${shown(value)}`);
    return;
  }
  if (value === undefined || value === '') throw bad(`${rawName} needs a value`);
  if (inlineValue !== true && /^-./.test(value)) {
    throw bad(`${rawName} needs a value, got ${shown(value)}; if you mean that, write ${rawName}=${value}`);
  }
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
