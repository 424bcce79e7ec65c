/** Who asks for more is asked again after this. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Reads Retry-After: seconds, or a date by the receiver's own clock (RFC 9110, 10.2.3).
 *
 * @param text - The header; null where there is none.
 * @param date - The header `Date`, which says what time it is there.
 * @returns Milliseconds from now, an hour at most; undefined where it says nothing.
 */
export function retryAfterMs(text: string | null, date: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : httpDate(text) - now(date);
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}

function now(date: string | null): number {
  const theirs = date === null ? NaN : httpDate(date);
  return Number.isNaN(theirs) ? Date.now() : theirs;
}

function httpDate(text: string): number {
  // Date.parse makes a year of any number.
  return /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : NaN;
}
