import type { Plan } from './window-plan.js';
import { Rows } from './window-rows.js';
import type { View } from './window-series.js';

/** Ranges of time that are kept added up; whoever asks for more of them in turn has them added up anew. */
const MOST_VIEWS = 8;
/** Who asked so long ago, and has not since, is not expected at any moment. */
const EXPECTED_MS = 1000;
const SECOND_MS = 1000;
/** Questions that are remembered. */
const MOST_PLANS = 64;

interface KeptView {
  readonly slot: number;
  readonly generation: number;
  used: number;
  asked: Asked | undefined;
}

/** How a view was asked for the last time. */
interface Asked {
  /** Unix milliseconds. */
  readonly at: number;
  readonly lengthMs: number;
  /** From the end of the view to that of what had come. */
  readonly lagMs: number;
}

interface KeptPlan {
  readonly plan: Plan;
  readonly version: number;
  readonly generation: number;
}

/** The questions that were asked last, and the place in which all series keep what they added up for each of them. */
export class Plans {
  readonly #views = new Map<string, KeptView>();
  /** By slot. */
  readonly #rows: Rows[] = [];
  readonly #plans = new Map<string, KeptPlan>();
  #turn = 0;
  #expected: readonly View[] = [];
  /** What had come when these were found. */
  #expectedAt = -Infinity;

  /**
   * Finds how a question was answered the last time.
   *
   * @param range - Name of the range of time: the same while it moves on.
   * @param question - Name of the question.
   * @param version - Of the series that there are.
   * @param make - Makes a plan where none is known, or where there are other series since.
   */
  find(
    range: string,
    question: string,
    version: number,
    make: () => Plan,
  ): Pick<View, 'slot' | 'rows'> & { readonly plan: Plan } {
    const { slot, generation } = this.#view(range);
    const name = `${range} ${question}`;
    let known = this.#plans.get(name);
    this.#plans.delete(name);
    if (known?.version !== version || known.generation !== generation) {
      known = { plan: make(), version, generation };
    }
    this.#plans.set(name, known);
    // The one that was not asked for longest comes first.
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= MOST_PLANS) break;
      this.#plans.delete(oldest);
    }
    return { slot, rows: this.#rows[slot]!, plan: known.plan };
  }

  /**
   * Hears of a view that somebody was shown.
   *
   * @param end - Of the last second that anything came in.
   */
  shown(range: string, { since, until }: View, now: number, end: number): void {
    const lagMs = Math.max(end - until, 0);
    // Who looks further back, or at the same time again, is told fastest if nothing moves.
    const asked = lagMs <= SECOND_MS ? { at: now, lengthMs: until - since, lagMs } : undefined;
    this.#views.get(range)!.asked = asked;
    this.#expectedAt = -Infinity;
  }

  /** The views that somebody will be shown at any moment, as they are now. */
  expected(now: number, end: number): readonly View[] {
    if (end === this.#expectedAt) return this.#expected;
    const views: View[] = [];
    for (const { slot, asked } of this.#views.values()) {
      if (asked === undefined || now - asked.at > EXPECTED_MS) continue;
      const until = end - asked.lagMs;
      views.push({ slot, rows: this.#rows[slot]!, since: until - asked.lengthMs, until });
    }
    this.#expected = views;
    this.#expectedAt = end;
    return views;
  }

  /** Makes room for rows at other positions; who has one takes it along. */
  clearRows(): void {
    for (const rows of this.#rows) rows.clear();
  }

  #view(range: string): KeptView {
    this.#turn += 1;
    let view = this.#views.get(range);
    if (view === undefined) {
      let slot = this.#views.size;
      if (slot >= MOST_VIEWS) {
        const [oldest, { slot: free }] = [...this.#views].reduce((a, b) => (a[1].used <= b[1].used ? a : b));
        this.#views.delete(oldest);
        slot = free;
      }
      this.#rows[slot] ??= new Rows();
      view = { slot, generation: this.#turn, used: this.#turn, asked: undefined };
      this.#views.set(range, view);
    }
    view.used = this.#turn;
    return view;
  }
}
