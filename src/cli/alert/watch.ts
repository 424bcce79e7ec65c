import type { Alerter } from '../../alert/alerter.js';
import { complain } from '../failure.js';
import type { RulesFile } from './rules-file.js';

/** How often it is looked whether the file is another one. */
const LOOK_MS = 1000;

/**
 * Reloads the rules when their file changes, and when it is asked to. Rules that are wrong are told, and the old ones stay.
 *
 * @returns What SIGHUP does, and what ends watching.
 */
export function watchRules(alerter: Alerter, file: RulesFile): { reload: () => void; end: () => void } {
  let reloading: Promise<void> | undefined;
  const reload = (): void => {
    reloading ??= file
      .read()
      .then((rules) => alerter.reload(rules))
      .catch(complain)
      .finally(() => (reloading = undefined));
  };
  const timer = setInterval(() => {
    if (file.hasChanged()) reload();
  }, LOOK_MS);
  timer.unref();
  return { reload, end: () => clearInterval(timer) };
}
