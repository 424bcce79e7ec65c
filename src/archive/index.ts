export { Archiver, createArchiver } from './archiver.js';
export {
  type ArchiveRange,
  listArchive,
  type ListedSegment,
  readArchive,
  restoreSegment,
  verifySegment,
} from './browse.js';
export type { SegmentEntry, SegmentSummary } from './entry.js';
export type { ArchiveEvent } from './events.js';
export { History, type HistoryOptions, type HistoryPlace, readHistory } from './history.js';
export type { ArchivedSegment, ArchiverOptions } from './options.js';
export { createReadThreads, ReadThreads, type ReadThreadsOptions } from './read-threads.js';
export { type Rotation, ROTATIONS } from './rotation.js';
export type { DeletionPlan } from './plan.js';
export type { ArchiverStatus } from './status.js';
export type { Source } from './source.js';
