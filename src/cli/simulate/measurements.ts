import { Durations } from './durations.js';
import { METRICS } from './options.js';

/** In what an agent is written. */
export type Kind = 'typescript' | 'bash';

/** Emissions while agents start, each the first of its series, and those afterwards, while they coordinate. */
export type Phase = 'start' | 'coordination';

/** What is measured of a simulation as it runs; memory that does not grow with its length. */
export class Measurements {
  /** Milliseconds of rounds: from the first message until the last agent has acknowledged. */
  readonly rounds = new Durations();
  /** Milliseconds of messages: from sending until the acknowledgement. */
  readonly messages = new Durations();
  sent = 0;
  /** Records that agents tried to store. */
  emitted = 0;
  /** Records of which agents were told that they are stored. */
  acknowledged = 0;
  readonly #emissions = new Map<string, Durations[]>();

  /** Takes the microseconds of an agent's emissions, metric after metric. */
  addEmissions(kind: Kind, phase: Phase, us: readonly number[]): void {
    const key = `${kind} ${phase}`;
    let durations = this.#emissions.get(key);
    if (durations === undefined) this.#emissions.set(key, (durations = METRICS.map(() => new Durations())));
    for (const [i, duration] of us.entries()) durations[i % METRICS.length]!.add(duration);
    this.emitted += us.length;
  }

  /** Microseconds of all emissions of a kind of agents. */
  emissions(kind: Kind): Durations {
    const all = new Durations();
    for (const phase of ['start', 'coordination'] as const) {
      for (const durations of this.#emissions.get(`${kind} ${phase}`) ?? []) all.merge(durations);
    }
    return all;
  }

  /**
   * Microseconds that emissions took of the processor, as far as a clock on the wall can tell: of each metric the median
   * times their number. An agent that was interrupted while it emitted changes nothing in that.
   */
  emissionUs(kind: Kind, phase: Phase): number {
    const durations = this.#emissions.get(`${kind} ${phase}`) ?? [];
    return durations.reduce((us, some) => us + some.count * (some.quantile(0.5) ?? 0), 0);
  }

  /** Microseconds of emissions by the clock on the wall, whoever else had the processor meanwhile. */
  emissionWallUs(phase: Phase): number {
    const all = (['typescript', 'bash'] as const).flatMap(
      (kind) => this.#emissions.get(`${kind} ${phase}`) ?? [],
    );
    return all.reduce((us, some) => us + some.sum, 0);
  }
}
