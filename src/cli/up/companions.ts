import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';
import { nearest } from '../suggest.js';

/** What `up` was told that concerns its companions. */
export interface CompanionFlags {
  readonly dir?: string | undefined;
  readonly host?: string | undefined;
  readonly archive?: string | undefined;
  readonly rules?: string | undefined;
  readonly state?: string | undefined;
  readonly window?: string | undefined;
  readonly 'answer-port'?: string | undefined;
  readonly 'prometheus-port'?: string | undefined;
}

/** A kind of companion. */
export interface CompanionKind {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  /** Its command, and the options of it that `up` has too. */
  readonly args: (flags: CompanionFlags) => readonly string[];
  /** Signals that `up` hands on to it. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Ends when the others have: they store something until they end, which it still takes along. */
  readonly endsLast?: boolean;
  /** Whether it has nothing to do until it is told what. */
  readonly onDemand?: boolean;
}

/** All there are: each is a command of its own, which runs alone as well. */
export const COMPANIONS: readonly CompanionKind[] = [
  {
    name: 'analyzer',
    purpose: 'keeps the last minutes in memory, and answers over HTTP what analyze would',
    args: ({ dir, host, window, 'answer-port': port }) => [
      ...['serve', '--answers'],
      ...given({ dir, host, window, port }),
    ],
  },
  {
    name: 'alerter',
    purpose: 'evaluates rules, and tells channels',
    args: ({ dir, rules, state }) => ['alert', ...given({ dir, rules, state })],
    signals: ['SIGHUP'],
  },
  {
    name: 'archiver',
    purpose: 'copies the shards to disk, seals, compresses and keeps them',
    args: ({ dir, archive }) => ['archive', ...given({ dir, archive })],
    signals: ['SIGUSR1', 'SIGUSR2'],
    endsLast: true,
  },
  {
    name: 'prometheus',
    purpose: 'serves the metrics of all agents to Prometheus',
    args: ({ dir, host, 'prometheus-port': port }) => [
      ...['serve', '--prometheus'],
      ...given({ dir, host, port }),
    ],
  },
  {
    name: 'forwarder',
    purpose: 'brings the metrics to backends, where the config file names any',
    args: ({ dir }) => ['forward', ...given({ dir })],
    endsLast: true,
    onDemand: true,
  },
];

/** Names of all companions. */
const COMPANION_NAMES = COMPANIONS.map(({ name }) => name);

/**
 * Chooses companions.
 *
 * @param only - Names of those that are wanted, with commas; undefined for all.
 * @param without - Names of those that are not.
 * @param demanded - Names of those on demand that have something to do.
 * @throws MetricsError `ERR_METRICS_OPTION` where there is no such companion, or none is left.
 */
export function chooseCompanions(
  only: readonly string[] | undefined,
  without: readonly string[] | undefined,
  demanded: ReadonlySet<string>,
): CompanionKind[] {
  if (only !== undefined && without !== undefined) throw bad('--only and --without exclude each other');
  const usual = COMPANIONS.filter(({ name, onDemand = false }) => !onDemand || demanded.has(name));
  const wanted = new Set(only === undefined ? usual.map(({ name }) => name) : listed('--only', only));
  const unwanted = new Set(listed('--without', without ?? []));
  const chosen = COMPANIONS.filter(({ name }) => wanted.has(name) && !unwanted.has(name));
  if (chosen.length === 0) throw bad(`--without leaves nothing of ${[...wanted].join(', ')}`);
  return chosen;
}

/**
 * Reads options for one companion each, such as `archiver=--interval=1m`.
 *
 * @returns The options of each.
 */
export function furtherOptions(texts: readonly string[] | undefined): ReadonlyMap<string, readonly string[]> {
  const further = new Map<string, string[]>();
  for (const text of texts ?? []) {
    const [, name, option] = /^([^=]+)=(--[^]+)$/.exec(text) ?? [];
    if (name === undefined || option === undefined) {
      throw bad(`--pass must be such as archiver=--interval=1m, got ${shown(text)}`);
    }
    check('--pass', name);
    further.set(name, [...(further.get(name) ?? []), option]);
  }
  return further;
}

function listed(flag: string, lists: readonly string[]): string[] {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  for (const name of names) check(flag, name);
  return names;
}

function check(flag: string, name: string): void {
  if (COMPANION_NAMES.includes(name)) return;
  const guess = nearest(name, COMPANION_NAMES);
  const hint = guess === undefined ? `there are ${COMPANION_NAMES.join(', ')}` : `did you mean ${guess}?`;
  throw bad(`${flag} ${shown(name)} is no companion; ${hint}`);
}

/** Options that were given, as they are written; a value may begin with a dash. */
function given(flags: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
