import { requireDirectory } from '../store/reader.js';
import { Catalog } from './catalog.js';
import { findExpired } from './deletion.js';
import { archiveError } from './trouble.js';
import type { Workspace } from './workspace.js';

/**
 * What would be deleted now.
 *
 * @public
 */
export interface DeletionPlan {
  /** Segments that would be deleted from the archive. */
  readonly archive: readonly { readonly name: string; readonly reason: 'age' | 'size' }[];
  /** Segments that would leave RAM, of those that are archived. */
  readonly hot: readonly { readonly name: string; readonly reason: 'age' | 'size' }[];
}

/**
 * Plans what is to be deleted, without the right to do so.
 *
 * @throws MetricsError `ERR_METRICS_DIRECTORY` where there is no archive, `ERR_METRICS_STORE` where it cannot be read.
 */
export function planDeletion(space: Workspace): DeletionPlan {
  const { session, settings, hot, directory, now } = space;
  requireDirectory({ path: settings.archive, explicit: true }, 'archive');
  let catalog: Catalog;
  try {
    catalog = session.known ?? new Catalog(settings.archive);
  } catch (error) {
    throw archiveError(settings.archive, error);
  }
  return space.withFiles((files) => ({
    archive: findExpired(catalog, files, settings, now()),
    hot: hot.plan(directory.path, files, catalog, hot.finished(files, undefined)).release,
  }));
}
