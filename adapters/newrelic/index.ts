export { createNewRelicBackend } from './create.js';
export { newRelicEnvironment } from './environment.js';
export { NEW_RELIC_REGIONS, type NewRelicBackendOptions, type NewRelicRegion } from './options.js';
export type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
export type { Point } from '../../src/forward/point.js';
