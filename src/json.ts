/** A number as JSON that parses back to the same double; NaN and the infinities as strings, as OTLP/JSON has them. */
export function formatNumber(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return Number.isFinite(value) ? `${value}` : `"${value}"`;
}

/** Text that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** A string as JSON, with lone surrogates replaced: a line is strict JSON for every parser, not only for ours. */
export function formatString(text: string): string {
  // nearly all text there is, in a third of the time: bench/exporter.mjs
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text.toWellFormed());
}
