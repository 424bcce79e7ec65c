import type { FaultCase, Outcome } from './case.js';

/** One run of one case. */
export interface Row {
  readonly name: string;
  /** The mutant, or undefined for the real code. */
  readonly mutant: string | undefined;
  readonly ms: number;
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

/** The head of the table. */
export function headline(cases: readonly FaultCase[]): string {
  const names = cases.length === 0 ? 'no case' : 'case';
  return `${names.padEnd(NAME_WIDTH)}${COLUMNS.map((name) => name.padStart(WIDTHS[name])).join(' ')}   time`;
}

/** One row, with what is wrong below it. */
export function row({ name, mutant, ms, outcome }: Row, { ok, text }: Verdict): string {
  const title = mutant === undefined ? name : `  mutant: ${mutant}`;
  const numbers = COLUMNS.map((column) => String(outcome[column]).padStart(WIDTHS[column])).join(' ');
  const time = `${(ms / 1000).toFixed(1)} s`.padStart(8);
  const line = `${title.padEnd(NAME_WIDTH)}${numbers} ${time}  ${ok ? '' : 'FAILED: '}${text}`;
  const details = ok ? [] : outcome.failures.slice(0, 20).map((failure) => `    ${failure}`);
  return `${[line.trimEnd(), ...details].join('\n')}\n`;
}

/** Judges a run: the real code must pass, a mutant must not. */
export function verdict({ mutant, outcome }: Row, inCi: boolean): Verdict {
  const { skipped, note = '', broken = false } = outcome;
  if (skipped !== undefined) return { ok: !inCi, text: `skipped: ${skipped}` };
  const found = findings(outcome);
  if (mutant === undefined) return { ok: found === '', text: found === '' ? note : found };
  if (broken) return { ok: false, text: found };
  return found === '' ? { ok: false, text: 'not caught' } : { ok: true, text: `caught: ${found}` };
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
