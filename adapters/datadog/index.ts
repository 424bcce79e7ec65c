export { createDatadogBackend } from './backend.js';
export { datadogEnvironment } from './environment.js';
export type { DatadogBackendOptions } from './options.js';
export type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
export type { Point } from '../../src/forward/point.js';
