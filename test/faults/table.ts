import type { Outcome } from './case.js';

/** One run of one case. */
export interface Row {
  readonly name: string;
  /** The mutant, or undefined for the real code. */
  readonly mutant: string | undefined;
  /** How often it was run; a mutant that is missed gets more of its case. */
  readonly tries: number;
  readonly ms: number;
  /** Seconds of CPU time, of all its processes. */
  readonly cpu: number;
  /** What its processes printed beside the result. */
  readonly output?: string;
  /** `broken`: the suite itself is wrong, which is no way of catching a mutant. */
  readonly outcome: Outcome & { readonly broken?: boolean };
}

/** What a row means. */
export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

const COLUMNS = ['kills', 'records', 'lost', 'duplicated', 'torn'] as const;
const WIDTHS = { kills: 7, records: 9, lost: 7, duplicated: 10, torn: 7 } as const;
const NAME_WIDTH = 44;
const MAX_FINDING = 100;
/** Lines below a row that failed: of what is wrong, and of what was printed. */
const MAX_FAILURES = 20;
const MAX_PRINTED = 20;

/** The head of the table. */
export function headline(): string {
  return `${'case'.padEnd(NAME_WIDTH)}${COLUMNS.map((name) => name.padStart(WIDTHS[name])).join(' ')}     time      CPU`;
}

/** What a row is called. */
export function title(name: string, mutant: string | undefined): string {
  return mutant === undefined ? name : `  mutant: ${mutant}`;
}

/** One row, with what is wrong below it. */
export function row({ name, mutant, ms, cpu, outcome, output = '' }: Row, { ok, text }: Verdict): string {
  const numbers = COLUMNS.map((column) => String(outcome[column]).padStart(WIDTHS[column])).join(' ');
  const [time, cpuTime] = [ms / 1000, cpu].map((seconds) =>
    (Number.isNaN(seconds) ? '?' : `${seconds.toFixed(1)} s`).padStart(8),
  );
  const line = `${title(name, mutant).padEnd(NAME_WIDTH)}${numbers} ${time} ${cpuTime}  ${ok ? '' : 'FAILED: '}${text}`;
  const printed = output === '' ? [] : output.split('\n').slice(-MAX_PRINTED);
  const details = ok ? [] : [...outcome.failures.slice(0, MAX_FAILURES), ...printed];
  return `${[line.trimEnd(), ...details.map((detail) => `    ${detail}`)].join('\n')}\n`;
}

/** Judges a run: the real code must pass, a mutant must not. */
export function verdict({ mutant, tries, outcome }: Row, inCi: boolean): Verdict {
  const { skipped, note = '', broken = false } = outcome;
  if (skipped !== undefined) return { ok: !inCi, text: `skipped: ${skipped}` };
  const found = findings(outcome);
  if (mutant === undefined) return { ok: found === '', text: found === '' ? note : found };
  if (broken) return { ok: false, text: found };
  const times = tries > 1 ? ` (try ${tries})` : '';
  return found === ''
    ? { ok: false, text: `not caught${times}` }
    : { ok: true, text: `caught${times}: ${found}` };
}

function findings({ lost, duplicated, failures }: Outcome): string {
  const found = [];
  if (lost > 0) found.push(`lost ${lost}`);
  if (duplicated > 0) found.push(`duplicated ${duplicated}`);
  const first = failures[0]?.split('\n')[0]?.slice(0, MAX_FINDING);
  if (first !== undefined)
    found.push(failures.length > 1 ? `${first} (and ${failures.length - 1} more)` : first);
  return found.join(', ');
}
