import { type FaultCase, sum } from '../case.js';
import { runProgram } from '../program.js';

/** Processes that share the work. */
const SHARES = 2;

/**
 * What a kill can leave of one or two records stands before a whole one, for every byte at which they can be cut: the
 * whole one is read, and nothing else is.
 */
export const tears: FaultCase = {
  name: 'tears',
  mutants: ['newline-only reader', 'a record without its newline counts'],
  mutantScale: 0.02,
  run: async (context) => {
    const cuts = (520_000 * context.scale) / SHARES;
    const seeds = Array.from({ length: SHARES }, (_, share) => context.seed + share * 1_000_000);
    const { oneIsEnough } = context;
    const outcomes = await Promise.all(
      seeds.map((seed) => runProgram(context, 'tears.ts', { seed, cuts, oneIsEnough })),
    );
    return sum(outcomes);
  },
};
