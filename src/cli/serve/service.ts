import type { RequestListener } from 'node:http';
import type { OwnReport } from '../up/report.js';

/** What every service is told. */
export interface ServiceContext {
  /** Where the shards are, where somebody named it. */
  readonly directory: string | undefined;
  /** Names under which this host is asked. */
  readonly hosts: readonly string[] | undefined;
  /** What clients must bear. */
  readonly token: string | undefined;
}

/** Something that is served over HTTP. */
export interface Service {
  readonly handler: RequestListener;
  /** The path that people are told. */
  readonly path: string;
  /** How it is. */
  readonly report: () => OwnReport;
  /** Ends it; nothing is thrown. */
  readonly end: () => Promise<void>;
}
