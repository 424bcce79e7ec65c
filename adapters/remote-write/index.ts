export { createRemoteWriteBackend } from './create.js';
export { remoteWriteEnvironment } from './environment.js';
export { REMOTE_WRITE_PRESETS, type RemoteWriteBackendOptions, type RemoteWritePreset } from './options.js';
export type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
export type { Point } from '../../src/forward/point.js';
