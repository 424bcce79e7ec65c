/**
 * Numbers that were seen of every agent, each of which counts up from 0: what is missing, and what came twice.
 *
 * @remarks
 * Numbers come nearly in order, so that only those ahead of a gap are kept one by one.
 */
export class Ledger {
  /** Numbers seen more than once. */
  duplicated = 0;
  /** All that was seen, each number once. */
  seen = 0;
  readonly #anyStart: boolean;
  readonly #agents = new Map<string, { first: number; next: number; ahead: Set<number> }>();

  /**
   * Makes an empty ledger.
   *
   * @param anyStart - Whether counting may begin in the middle: then numbers below an agent's first are not judged.
   */
  constructor(anyStart = false) {
    this.#anyStart = anyStart;
  }

  /** Notes a number. */
  note(agent: string, number: number): void {
    let known = this.#agents.get(agent);
    if (known === undefined) {
      const first = this.#anyStart ? number : 0;
      this.#agents.set(agent, (known = { first, next: first, ahead: new Set() }));
    }
    if (number < known.first) return;
    if (number < known.next || known.ahead.has(number)) {
      this.duplicated += 1;
      return;
    }
    this.seen += 1;
    known.ahead.add(number);
    while (known.ahead.delete(known.next)) known.next += 1;
  }

  /** How many numbers below a bound were never seen of an agent. */
  missing(agent: string, below: number): number {
    const { next, ahead } = this.#agents.get(agent) ?? { next: 0, ahead: new Set<number>() };
    let missing = Math.max(0, below - next);
    for (const number of ahead) if (number < below) missing -= 1;
    return missing;
  }
}
