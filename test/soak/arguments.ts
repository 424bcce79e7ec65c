/** Says what is wrong with the arguments of a soak, and ends. */
export function usageError(usage: string, message: string): never {
  process.stderr.write(`soak: ${message}\n\n${usage}`);
  process.exit(2);
}

/** A time such as `90s` or `10m`, in milliseconds. */
export function milliseconds(usage: string, option: string, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit ?? ''];
  if (factor === undefined) usageError(usage, `${option} must be a time such as 90s or 10m, got ${text}`);
  return Number(number) * factor;
}
