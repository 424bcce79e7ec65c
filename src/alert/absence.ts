import type { Instance } from './state.js';

/**
 * Gives what was there before moments were missed the time of a window to be there again: the machine may have slept, or its
 * clock was put forward, and nobody was silent.
 *
 * @param instances - By the key of the group.
 * @param windows - That the rule looks at, in milliseconds: the longest has to pass.
 * @param awaySince - When rules were evaluated last before that. What was missing already goes on to be missing: where
 * each evaluation comes late, who is silent is known one evaluation later, and not never.
 */
export function awaitAgain(
  instances: Map<string, Instance>,
  windows: readonly number[],
  awaySince: number,
  now: number,
): void {
  // Who is heard of twice in each window is in it after a shorter time as well.
  if (now - awaySince <= Math.min(...windows) / 2) return;
  const missingFrom = now + Math.max(...windows);
  for (const [key, instance] of instances)
    if (instance.seenAt !== null && instance.seenAt >= awaySince)
      instances.set(key, { ...instance, missingFrom });
}

/** Whether it is too early to call it missing. A time further ahead is that of a clock which was put back since. */
export function isAwaited({ missingFrom }: Instance, windows: readonly number[], now: number): boolean {
  return missingFrom !== undefined && missingFrom > now && missingFrom - now <= Math.max(...windows);
}
