/** Registered, so that all copies of this package in a process share one listener. */
const HOOKS = Symbol.for('cfn-metrics.at-exit');

/** Called with true when nothing can come after it. */
export type ExitHook = (last: boolean) => void;

type Hooks = Set<ExitHook>;

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
export function atExit(hook: ExitHook): () => void {
  const holder = process as unknown as { [HOOKS]?: Hooks };
  let hooks = holder[HOOKS];
  if (hooks === undefined) {
    const fresh: Hooks = new Set();
    hooks = holder[HOOKS] = fresh;
    const run = (last: boolean): void => {
      for (const each of fresh) each(last);
    };
    // Both: what other listeners of `beforeExit` start goes on after it, and `process.exit()` skips it.
    process.on('beforeExit', () => run(false));
    process.on('exit', () => run(true));
  }
  hooks.add(hook);
  return () => hooks.delete(hook);
}
