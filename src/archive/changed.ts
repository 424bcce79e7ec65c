import { MetricsError } from '../errors.js';

/** Somebody else changed a file of the archive: what is known about the archive is of no use any more. */
export class ArchiveChangedError extends MetricsError {
  constructor(path: string) {
    super('ERR_METRICS_STORE', `${path} was changed or deleted by somebody else`);
  }
}
