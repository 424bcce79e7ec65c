import { formatAttributes } from '../../src/attributes.js';
import type { Identity } from './series.js';

/** After so long Prometheus itself takes a series for gone. */
const GONE_MS = 300_000;
/** Series that are remembered; of more, those are forgotten that were told of longest ago. */
const MAX_OWNERS = 100_000;

interface Owner {
  of: Identity['of'];
  /** Unix milliseconds of its last point. */
  time: number;
}

/**
 * Whose a name with its labels is: of those that would have the same, the first, until five minutes pass without a point
 * of it. What two of them count would be one counter that goes up and down.
 */
export class Owners {
  readonly #owners = new Map<string, Owner>();

  /** Whether a point of this time is told under its name and labels. */
  claim({ text, of }: Pick<Identity, 'text' | 'of'>, time: number): boolean {
    let owner = this.#owners.get(text);
    if (owner === undefined) owner = { of, time };
    else if (time - owner.time <= GONE_MS && !isSame(owner.of, of)) return false;
    owner.of = of;
    owner.time = Math.max(owner.time, time);
    // the last one of the map is the one that was told of last
    this.#owners.delete(text);
    this.#owners.set(text, owner);
    if (this.#owners.size > MAX_OWNERS) this.#owners.delete(this.#owners.keys().next().value!);
    return true;
  }
}

/** After a restart the attributes of a series are others, which say the same. */
function isSame(a: Identity['of'], b: Identity['of']): boolean {
  if (a === b) return true;
  const { metric, type, unit, agent, scope, attributes } = a;
  if (metric !== b.metric || type !== b.type || unit !== b.unit) return false;
  if (agent !== b.agent || scope !== b.scope) return false;
  return attributes === b.attributes || formatAttributes(attributes) === formatAttributes(b.attributes);
}
