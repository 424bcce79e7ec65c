/**
 * What a terminal would obey instead of showing: control characters, and those that turn the direction of text.
 * Records are written by strangers.
 */
const OBEYED =
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text with everything escaped that a terminal would obey: one line, and nothing but letters to see. */
export function visible(text: string): string {
  return text.toWellFormed().replace(OBEYED, (char) => {
    const code = char.codePointAt(0)!;
    const hex = code.toString(16);
    return NAMED[char] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}
