/** Registered, so that all copies of this package in a process share one listener. */
const HOOKS = Symbol.for('cfn-metrics.at-exit');

type Hooks = Set<() => void>;

/**
 * Runs a synchronous function when the process ends by itself, by `process.exit()` or by an uncaught error.
 *
 * @remarks
 * One listener on `process` serves everybody: a listener each would make Node warn of a leak from the eleventh
 * emitter on. The only state of this package that is not an instance's.
 *
 * @param hook - What to run; it must not throw.
 * @returns A function that takes the hook back.
 */
export function atExit(hook: () => void): () => void {
  const holder = process as unknown as { [HOOKS]?: Hooks };
  let hooks = holder[HOOKS];
  if (hooks === undefined) {
    const fresh: Hooks = new Set();
    hooks = holder[HOOKS] = fresh;
    const run = (): void => {
      for (const each of fresh) each();
    };
    // Both: records made by other listeners of `beforeExit` still find a living event loop, those of `exit` do not.
    process.on('beforeExit', run);
    process.on('exit', run);
  }
  hooks.add(hook);
  return () => hooks.delete(hook);
}
