import { MetricsError } from '../errors.js';
import { shown } from '../options.js';
import type { Document, Path } from './document.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;

/** A length of time such as `90s` or `1h30m` in milliseconds; undefined where the text is none. */
function durationMs(text: unknown): number | undefined {
  if (typeof text !== 'string' || !DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
    ms += Number(amount) * UNIT_MS[unit!]!;
  return Math.round(ms);
}

/** Something in a file, with where it is. */
export class Field {
  readonly #document: Document;
  readonly #path: Path;
  readonly value: unknown;

  /** A part of a document. */
  constructor(document: Document, path: Path, value: unknown) {
    this.#document = document;
    this.#path = path;
    this.value = value;
  }

  /** Whether it was said. */
  get given(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** `alerts.yaml:12: rules[0].for`. */
  get where(): string {
    return this.whereOf([]);
  }

  /** Where something below it is. */
  whereOf(below: Path): string {
    const { file, lineOf } = this.#document;
    const path = [...this.#path, ...below];
    const line = lineOf(path);
    const name = path
      .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${step}`))
      .join('');
    return `${file}${line === undefined ? '' : `:${line}`}: ${name === '' ? 'it' : name}`;
  }

  /** Refuses it. */
  bad(expected: string): never {
    const got = this.value === undefined ? 'nothing' : shownValue(this.value);
    throw new MetricsError('ERR_METRICS_OPTION', `${this.where} must be ${expected}, got ${got}`);
  }

  /** Says what is wrong with it, where that is more than what was expected and what it is. */
  problem(message: string): never {
    throw new MetricsError('ERR_METRICS_OPTION', `${this.where} ${message}`);
  }

  /** The part of a name. */
  at(key: string): Field {
    const { value } = this;
    const part = isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return new Field(this.#document, [...this.#path, key], part);
  }

  /** The parts of a mapping in which only these names may be. */
  mapping(known: readonly string[]): void {
    if (!isMapping(this.value)) this.bad('a mapping');
    const unknown = Object.keys(this.value).find((key) => !known.includes(key));
    if (unknown === undefined) return;
    this.at(unknown).problem(`is unknown; there are ${known.join(', ')}`);
  }

  /** Names and parts of a mapping. */
  entries(): [string, Field][] {
    if (!this.given) return [];
    if (!isMapping(this.value)) this.bad('a mapping');
    return Object.keys(this.value).map((key) => [key, this.at(key)]);
  }

  /** The items of a list; none where it was not said. */
  items(): Field[] {
    const { value } = this;
    if (!this.given) return [];
    if (!Array.isArray(value)) this.bad('a list');
    return value.map((item, i) => new Field(this.#document, [...this.#path, i], item));
  }

  /** A text that is not empty, or its default. */
  text(fallback?: string, maxLength = 1000): string {
    const { value } = this;
    if (!this.given && fallback !== undefined) return fallback;
    if (typeof value === 'string' && value.trim() !== '' && value.length <= maxLength) return value;
    return this.bad(`a text of at most ${maxLength} characters`);
  }

  /** A number, or its default. */
  number(expected: string, fits: (value: number) => boolean, fallback?: number): number {
    const { value } = this;
    if (!this.given && fallback !== undefined) return fallback;
    if (typeof value === 'number' && Number.isFinite(value) && fits(value)) return value;
    return this.bad(expected);
  }

  /** A length of time, or its default. */
  duration(minMs: number, maxMs: number, fallback?: number): number {
    if (!this.given && fallback !== undefined) return fallback;
    const ms = durationMs(this.value);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    return this.bad(`a time such as 30s, 5m or 1h30m, from ${shownMs(minMs)} to ${shownMs(maxMs)}`);
  }

  /** One of a few words, or its default. */
  word<T extends string>(words: readonly T[], fallback?: T): T {
    if (!this.given && fallback !== undefined) return fallback;
    const word = words.find((candidate) => candidate === this.value);
    return word ?? this.bad(`one of ${words.join(', ')}`);
  }

  /** A list of texts. */
  texts(): string[] {
    return this.items().map((item) => item.text());
  }

  /** A mapping of texts; numbers and switches are texts too. */
  labels(name: RegExp, expected: string, maxLength: number): Record<string, string> {
    const pairs = this.entries().map(([key, field]): [string, string] => {
      if (!name.test(key)) {
        throw new MetricsError('ERR_METRICS_OPTION', `${field.where}: the name must be ${expected}`);
      }
      const { value } = field;
      if (typeof value === 'number' || typeof value === 'boolean') return [key, String(value)];
      return [key, field.text(undefined, maxLength)];
    });
    return Object.fromEntries(pairs);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shownValue(value: unknown): string {
  return typeof value === 'object'
    ? shown(JSON.stringify(value)).replace(/^"|"$/g, '').replaceAll('\\"', '"')
    : shown(value);
}

function shownMs(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((name) => ms >= UNIT_MS[name]! && ms % UNIT_MS[name]! === 0);
  return unit === undefined ? `${ms}ms` : `${ms / UNIT_MS[unit]!}${unit}`;
}
