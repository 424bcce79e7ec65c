const STAR = 0x2a;
const QUESTION = 0x3f;

/**
 * Whether a text matches a pattern as a whole, where `*` stands for any characters and `?` for exactly one.
 *
 * @remarks
 * Only the last `*` is ever retried, so at most `text.length * pattern.length` characters are compared, whatever the
 * pattern: an earlier `*` that took the shortest text it could leaves all later ones the most to choose from.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    const wanted = next < pattern.length ? pattern.charCodeAt(next) : NaN;
    if (wanted === STAR) {
      star = next;
      retry = at;
      next += 1;
    } else if (wanted === QUESTION || wanted === text.charCodeAt(at)) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      retry += 1;
      at = retry;
      next = star + 1;
    } else {
      return false;
    }
  }
  while (pattern.charCodeAt(next) === STAR) next += 1;
  return next === pattern.length;
}
