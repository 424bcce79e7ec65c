import type { Labels } from './labels.js';
import { SEVERITIES, type Severity } from './notification.js';

/** What a channel was last told of an alert, and accepted. */
export interface ToldRecord {
  readonly status: 'firing' | 'resolved';
  readonly severity: Severity;
  /** Which of its episodes it was: when that began. */
  readonly startsAt: number;
  /** When it was last told that it fires; null where it never was. */
  readonly firingAt: number | null;
  /** When it was last told anything. */
  readonly at: number;
  /**
   * The groups in which it was told to fire, and not yet to be over, by what they have in common: several where labels that
   * groups are made by changed, as a severity does. Empty where messages have no groups.
   */
  readonly open: readonly Labels[];
}

/** What is known of the messages about one group. */
export interface GroupRecord {
  /** When the last one was accepted; null where none was. */
  readonly lastAt: number | null;
  /** Since when there is something to tell; null where there is nothing. */
  readonly waitingSince: number | null;
}

/** Everything about one channel that outlives a restart. */
export interface ChannelMemory {
  /** By fingerprint. */
  readonly told: Map<string, ToldRecord>;
  /** By the key of the group. */
  readonly groups: Map<string, GroupRecord>;
  /** When the messages of the last minute were accepted. */
  sentAt: number[];
  /** Messages that the cap held back since the last one. */
  heldBack: number;
  /** Groups whose message is held back now, so that each counts once. */
  readonly held: Set<string>;
  /** Attempts that failed since the last success. */
  failures: number;
  /** When the first of them failed; null where none did. */
  failingSince: number | null;
  /** No attempt is made before. */
  retryAt: number;
}

/** A channel that was never told anything. */
export function newMemory(): ChannelMemory {
  return {
    ...{ told: new Map(), groups: new Map(), sentAt: [], heldBack: 0 },
    ...{ held: new Set(), failures: 0, failingSince: null, retryAt: 0 },
  };
}

/**
 * What a channel was told of an alert. What was told in what is the future since the clock was put back counts as told now:
 * else nothing more would be told until then.
 */
export function toldOf({ told }: ChannelMemory, fingerprint: string, now: number): ToldRecord | undefined {
  const record = told.get(fingerprint);
  if (record === undefined || record.firingAt === null || record.firingAt <= now) return record;
  const present = { ...record, firingAt: now };
  told.set(fingerprint, present);
  return present;
}

/** What is known of the messages about a group, as {@link toldOf} has it. */
export function groupOf({ groups }: ChannelMemory, key: string, now: number): GroupRecord | undefined {
  const record = groups.get(key);
  if (record === undefined) return undefined;
  const { lastAt, waitingSince } = record;
  if ((lastAt ?? 0) <= now && (waitingSince ?? 0) <= now) return record;
  const notAfter = (time: number | null): number | null => (time === null ? null : Math.min(time, now));
  const present = { lastAt: notAfter(lastAt), waitingSince: notAfter(waitingSince) };
  groups.set(key, present);
  return present;
}

/** A memory as JSON. */
export function storedMemory(memory: ChannelMemory): unknown {
  const { told, groups, held, ...rest } = memory;
  return { ...rest, told: [...told], groups: [...groups], held: [...held] };
}

/** Reads what {@link storedMemory} gave; what is damaged is left out: then somebody is told twice, and not never. */
export function readMemory(json: unknown): ChannelMemory {
  const memory = newMemory();
  if (typeof json !== 'object' || json === null) return memory;
  const { told, groups, held, sentAt, heldBack, failures, failingSince, retryAt } = json as Record<
    string,
    unknown
  >;
  for (const [key, value] of pairs(told)) {
    if (isTold(value)) memory.told.set(key, { ...value, open: list(value.open).filter(isLabels) });
  }
  for (const [key, value] of pairs(groups)) if (isGroup(value)) memory.groups.set(key, value);
  for (const key of list(held)) if (typeof key === 'string') memory.held.add(key);
  memory.sentAt = list(sentAt).filter(isTime);
  if (isTime(heldBack)) memory.heldBack = heldBack;
  if (isTime(failures)) memory.failures = failures;
  if (isTime(failingSince)) memory.failingSince = failingSince;
  if (isTime(retryAt)) memory.retryAt = retryAt;
  return memory;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function pairs(value: unknown): [string, unknown][] {
  return list(value).filter((pair): pair is [string, unknown] => {
    return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string';
  });
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isTimeOrNull(value: unknown): boolean {
  return value === null || isTime(value);
}

function isTold(value: unknown): value is ToldRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { status, severity, startsAt, firingAt, at } = value as Record<string, unknown>;
  return (
    (status === 'firing' || status === 'resolved') &&
    SEVERITIES.some((word) => word === severity) &&
    isTime(startsAt) &&
    isTimeOrNull(firingAt) &&
    isTime(at)
  );
}

function isLabels(value: unknown): value is Labels {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}

function isGroup(value: unknown): value is GroupRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { lastAt, waitingSince } = value as Record<string, unknown>;
  return isTimeOrNull(lastAt) && isTimeOrNull(waitingSince);
}
