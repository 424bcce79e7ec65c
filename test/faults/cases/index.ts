import type { FaultCase } from '../case.js';
import { tailModel } from './tail-model.js';
import { tears } from './tears.js';
import { syscalls } from './syscalls.js';
import { exits } from './exits.js';
import { identities } from './identities.js';

/** All cases, in the order in which they run. */
export const CASES: readonly FaultCase[] = [identities, exits, tears, tailModel, syscalls];
