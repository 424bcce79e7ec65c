import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { MutantName } from './mutants.js';

/** What a run came to. A case fails where anything is lost, duplicated or named among the failures. */
export interface Outcome {
  /** Records that were acknowledged, or inputs that were tried. */
  readonly records: number;
  /** Processes killed with SIGKILL. */
  readonly kills: number;
  /** Acknowledged, but not stored, or not read. */
  readonly lost: number;
  /** Stored, or read, more often than once where once was promised. */
  readonly duplicated: number;
  /** Torn lines that readers counted. How many there may be is for the case to judge. */
  readonly torn: number;
  /** Everything else that is wrong, one line each. */
  readonly failures: readonly string[];
  /** What the table says beside the numbers. */
  readonly note?: string;
  /** Why the case could not run here. In CI that is a failure. */
  readonly skipped?: string;
}

/** What a case is given. */
export interface Context {
  /** A fresh directory in RAM, removed after the run. */
  readonly directory: string;
  /** 1 for the whole case; less where it only has to show that it catches a mutant, or for a first look. */
  readonly scale: number;
  /** Whether it may end as soon as something is wrong: so where a mutant only has to be caught. */
  readonly oneIsEnough: boolean;
  /** For {@link random}; the same seed makes the same choices. */
  readonly seed: number;
  /**
   * Bundles a program of test/faults/programs, with the mutant of this run applied.
   *
   * @param entry - Its file, such as `writer.ts`.
   * @param settings - Further patches, such as shorter times; see settings.ts.
   * @returns Path of a module that Node runs, from within the repository, so that dependencies are found.
   */
  readonly bundle: (entry: string, settings?: readonly Patch[]) => Promise<string>;
  /** Starts a process that is killed, should it still run, when the case is over. */
  readonly spawn: (command: string, args: readonly string[], options?: SpawnOptions) => ChildProcess;
}

/** A test with real processes, and the mistakes that it must catch. */
export interface FaultCase {
  readonly name: string;
  /** Each of these must make the case fail. */
  readonly mutants: readonly MutantName[];
  /** Milliseconds after which it counts as failed. Default 120,000. */
  readonly limitMs?: number;
  /** How much of it is enough to show that a mutant is caught. Default 0.2. */
  readonly mutantScale?: number;
  readonly run: (context: Context) => Promise<Outcome>;
}

/** A change of one source file, made while it is bundled. Text that is not found is an error. */
export interface Patch {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A case that could not run, and why. */
export function skipped(reason: string): Outcome {
  return { records: 0, kills: 0, lost: 0, duplicated: 0, torn: 0, failures: [], skipped: reason };
}

/** Adds up what several processes came to. */
export function sum(outcomes: readonly Outcome[]): Outcome {
  const total = (key: 'records' | 'kills' | 'lost' | 'duplicated' | 'torn'): number =>
    outcomes.reduce((so, outcome) => so + outcome[key], 0);
  const note = outcomes[0]?.note;
  return {
    records: total('records'),
    kills: total('kills'),
    lost: total('lost'),
    duplicated: total('duplicated'),
    torn: total('torn'),
    failures: outcomes.flatMap(({ failures }) => failures),
    ...(note !== undefined && { note }),
  };
}
