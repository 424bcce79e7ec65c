import { createEmitter } from '../../store/emitter.js';

/** How often the analyzer says in the shards how it is. */
const INTERVAL_MS = 30_000;
/** Who the analyzer is among the agents. */
const AGENT = 'cfn-analyzer';

/** How an analyzer is. */
export interface AnalyzerStatus {
  /** Records that came in. */
  readonly records: number;
  /** Series that are kept. */
  readonly series: number;
  /** Lines that were torn or are no record. */
  readonly damaged: number;
  readonly lagMs: number;
}

/** Stores how the analyzer is as metrics, so that rules can watch it. */
export class AnalyzerMetrics {
  readonly #emitter;
  readonly #read: () => AnalyzerStatus;
  readonly #timer: NodeJS.Timeout;
  #told = { records: 0, damaged: 0 };
  #answers = 0;
  #longestMs = 0;

  /** @param directory - Where the shards are, where somebody named it. */
  constructor(directory: string | undefined, read: () => AnalyzerStatus) {
    this.#emitter = createEmitter({ agent: AGENT, directory });
    this.#read = read;
    this.#timer = setInterval(() => this.#tell(), INTERVAL_MS).unref();
  }

  /** Counts an answer. */
  answered(ms: number): void {
    this.#answers += 1;
    this.#longestMs = Math.max(this.#longestMs, ms);
  }

  /** Stores what is left to tell, and closes the shards. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#tell();
    await this.#emitter.close();
  }

  #tell(): void {
    const { records, series, damaged, lagMs } = this.#read();
    this.#emitter.emit('cfn.analyzer.lag_seconds', lagMs / 1000, { unit: 's' });
    this.#emitter.emit('cfn.analyzer.series', series, { unit: '{series}' });
    if (this.#answers > 0) this.#emitter.emit('cfn.analyzer.answer_ms', this.#longestMs, { unit: 'ms' });
    this.#count('records', records - this.#told.records, '{record}');
    this.#count('damaged_lines', damaged - this.#told.damaged, '{line}');
    this.#count('answers', this.#answers, '{answer}');
    this.#told = { records, damaged };
    [this.#answers, this.#longestMs] = [0, 0];
  }

  #count(name: string, value: number, unit: string): void {
    if (value > 0) this.#emitter.emit(`cfn.analyzer.${name}`, value, { unit, type: 'counter' });
  }
}
