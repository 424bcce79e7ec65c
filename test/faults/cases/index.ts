import type { FaultCase } from '../case.js';

/** All cases, in the order in which they run. */
export const CASES: readonly FaultCase[] = [];
