/**
 * Somebody else changed a file of the archive: what is known about the archive is of no use any more.
 *
 * @remarks
 * Not a MetricsError, whose `instanceof` means any of them.
 */
export class ArchiveChangedError extends Error {
  constructor(path: string) {
    super(`${path} was changed or deleted by somebody else`);
  }
}
