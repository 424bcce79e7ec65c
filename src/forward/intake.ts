import { readEnvironment } from '../environment.js';
import { CumulativeState } from '../otel/cumulative.js';
import type { MetricRecord } from '../record.js';
import { shardDirectory } from '../store/directory.js';
import { bootId } from '../store/position.js';
import { requireDirectory } from '../store/reader.js';
import { parseName } from '../store/shard.js';
import { Tail } from '../store/tail.js';
import { InStepReader, type Look } from './in-step.js';
import type { ForwarderSettings } from './options.js';
import type { Point } from './point.js';
import { Resources } from './resources.js';
import { Selector } from './select.js';
import { type ForwardHeader, type ForwardParts, StateFile } from './state-file.js';
import { Teller, type Telling } from './teller.js';

/** Raw points that are told before their interval is over, so that memory is bounded. */
const MAX_RAW = 50_000;

/** What the shards hold, added up and told in intervals; and all of it kept in one file with where the shards were read to. */
export class Intake {
  readonly #settings: ForwarderSettings;
  readonly #file: StateFile;
  readonly #selector: Selector;
  readonly #path: string;
  #parts: ForwardParts;
  #tail: Tail | undefined;
  #reader: InStepReader | undefined;
  #toldAt: number | null = null;
  #openEnd: number | null = null;
  #records = 0;
  #savedRecords = 0;

  constructor(settings: ForwarderSettings, path: string) {
    this.#settings = settings;
    this.#file = new StateFile(path);
    this.#selector = new Selector(settings.selection);
    this.#path = shardDirectory(settings.directory ?? readEnvironment().directory).path;
    this.#parts = this.#newParts();
  }

  /** Up to when all was told; null before anything was. */
  get toldAt(): number | null {
    return this.#toldAt;
  }

  /** End of the interval that is open; null before anything was read. */
  get openEnd(): number | null {
    return this.#openEnd;
  }

  /** What records add up to. */
  get state(): CumulativeState {
    return this.#parts.state;
  }

  /** What agents are. */
  get resourceOf(): Resources['of'] {
    return this.#parts.resources.of;
  }

  /** What was read, and what was deleted before. */
  get counts(): { records: number; torn: number; missed: Tail['missed'] } {
    const { records = 0, torn = 0 } = this.#tail?.counts ?? {};
    return { records, torn, missed: this.#tail?.missed ?? { files: 0, bytes: 0 } };
  }

  /** Whether anything was read since it was saved last. */
  get isDirty(): boolean {
    return this.#records !== this.#savedRecords;
  }

  /**
   * Goes on where the file says.
   *
   * @returns The points that were to be told, what is wrong with the file, and how many files vanished meanwhile that
   * held more.
   * @throws MetricsError `ERR_METRICS_DIRECTORY` where a named directory is missing; or a system error.
   */
  open(): { outbox: string; points: readonly Point[]; problem: string | undefined; vanished: number } {
    const { backend, directory, from } = this.#settings;
    requireDirectory(shardDirectory(directory ?? readEnvironment().directory));
    const loaded = this.#file.load(this.#parts, this.#subject());
    const problem = typeof loaded === 'string' ? loaded : undefined;
    // what was loaded in part is worth nothing
    if (problem !== undefined) this.#parts = this.#newParts();
    const known = typeof loaded === 'object' ? loaded : undefined;
    const { header, points = [] } = known ?? {};
    backend.resume?.(this.#parts.teller.known());
    this.#toldAt = header?.toldAt ?? null;
    this.#openEnd = header?.openEnd ?? null;
    this.#tail = new Tail({ directory, from: known?.position ?? from });
    this.#tail.begin();
    this.#reader = new InStepReader(this.#tail, header?.skips ?? [], this.#settings.now);
    const there = new Set([...this.#tail.files].map(({ key }) => key));
    const sameBoot = header?.position.boot === bootId();
    const vanished = (header?.unread ?? []).filter((key) => !sameBoot || !there.has(key)).length;
    return { outbox: header?.outbox ?? '', points, problem, vanished };
  }

  /** Takes what is older than a time; what is younger stays for later. */
  async take(until: number): Promise<Look> {
    return this.#reader!.take(
      until,
      (records) => this.#add(records),
      () => this.#parts.teller.waiting >= MAX_RAW,
    );
  }

  /** Says where the next interval ends. */
  openUntil(end: number): void {
    this.#openEnd = end;
  }

  /** Takes what is to be told at a time, with which the interval ends. */
  tell(time: number): Telling {
    const start = Math.max(time - this.#settings.intervalMs, this.#toldAt ?? -Infinity);
    this.#toldAt = time;
    return this.#parts.teller.take(time, start);
  }

  /** Takes the raw points of an interval that goes on. */
  tellRaw(): Telling {
    return this.#parts.teller.takeRaw();
  }

  /**
   * Saves everything, with what is told now.
   *
   * @throws a system error where it cannot be written.
   */
  save(outbox: string, telling: Telling): void {
    const { position, skips } = this.#reader!.position();
    const header: ForwardHeader = {
      ...this.#subject(),
      ...{ position, skips, outbox, perAgent: this.#settings.perAgent },
      unread: this.#unread(skips.map(({ file }) => file)),
      ...{ toldAt: this.#toldAt, openEnd: this.#openEnd },
    };
    this.#file.save(header, this.#parts, telling, this.#toldAt ?? 0);
    this.#savedRecords = this.#records;
  }

  /** Looks at names and sizes, while nothing is read. */
  look(): void {
    this.#tail?.look();
  }

  /** Closes the shards. */
  close(): void {
    this.#tail?.close();
  }

  #add(all: readonly MetricRecord[]): void {
    const { state, teller, resources } = this.#parts;
    this.#records += all.length;
    resources.add(all);
    const records = this.#selector.select(all);
    // the clock of the records, which after an outage is not that of the machine
    const now = this.#openEnd ?? this.#settings.now();
    if (!this.#settings.raw) {
      state.add(records, now);
      return;
    }
    const others: MetricRecord[] = [];
    for (const record of records) {
      if ((record.type ?? 'gauge') === 'gauge') teller.addRaw(record, now);
      else others.push(record);
    }
    state.add(others, now);
  }

  #newParts(): ForwardParts {
    const { backend, perAgent, maxSeries, gaugeMaxAgeMs, host, resource } = this.#settings;
    const { temporality } = backend;
    const state = new CumulativeState({
      per: perAgent ? 'agent' : 'host',
      ...{ maxSeries, gaugeMaxAgeMs, idleMs: 3_600_000, interval: temporality === 'delta' },
    });
    const teller = new Teller(state, { ...this.#settings, temporality });
    return { state, teller, resources: new Resources(host, resource, maxSeries) };
  }

  /** What the totals are of. */
  #subject(): { subject: string; directory: string } {
    const { backend, perAgent, raw, selection } = this.#settings;
    const { allow, deny, rename, units } = selection;
    const what = [backend.temporality, perAgent, raw, allow, deny, [...rename], [...units]];
    return { subject: JSON.stringify(what), directory: this.#path };
  }

  /** Files of which there may be more to read: live ones, and those that were not read to their end. */
  #unread(held: readonly string[]): string[] {
    const files = [...this.#tail!.files];
    return files
      .filter(
        ({ key, name, unread }) => unread > 0 || held.includes(key) || parseName(name)?.date === undefined,
      )
      .map(({ key }) => key);
  }
}
