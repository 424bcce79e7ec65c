import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Ledger } from '../ledger.js';
import { readLine } from '../line.js';
import { LIFE } from './life.js';

/** Reads what the archive holds and what left it, by means of its own: it shares no mistake with what is tested. */
export class Checker {
  readonly ledger = new Ledger();
  /** Records that were cut off. */
  torn = 0;
  /** Segments that left the archive. */
  deleted = 0;
  readonly #kept: string;
  readonly #seen = new Set<string>();

  /** @param kept - Where segments are kept that leave the archive. */
  constructor(kept: string) {
    this.#kept = kept;
  }

  /** Reads segments that left the archive. A hook that ran twice for the same file left it once. */
  readKept(): void {
    for (const name of readdirSync(this.#kept)) {
      const path = join(this.#kept, name);
      const [file = ''] = /^\d+-\d+-\d+-/.exec(name) ?? [];
      if (!this.#seen.has(file)) {
        this.#seen.add(file);
        this.deleted += 1;
        this.#read(path, name);
      }
      rmSync(path);
    }
  }

  /** Reads what is in the archive. */
  readArchive(archive: string): void {
    for (const name of readdirSync(archive)) {
      if (/\.jsonl(\.gz)?$/.test(name)) this.#read(join(archive, name), name);
    }
  }

  #read(path: string, name: string): void {
    const bytes = readFileSync(path);
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
    for (const line of text.split('\n')) if (line !== '') this.#line(line);
  }

  #line(line: string): void {
    const { torn, numbered } = readLine(line);
    this.torn += torn;
    if (numbered === undefined) return;
    const { agent, value } = numbered;
    this.ledger.note(`${agent}/${Math.floor(value / LIFE)}`, value % LIFE);
  }
}
