/**
 * How long is waited, by vi.waitFor, for what other processes do: never long, but on a machine that has much else to do.
 */
export const WAIT = { timeout: 30_000, interval: 30 };
