export { createOtlpBackend } from './create.js';
export { otlpEnvironment, type OtlpEnvironment } from './environment.js';
export type { OtlpBackendOptions } from './options.js';
export { OTLP_PRESETS, type OtlpPreset } from './presets.js';
export { OTLP_PROTOCOLS, type OtlpProtocol } from '../../src/forward/otlp/encode.js';
export type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../../src/forward/backend.js';
export type { Point } from '../../src/forward/point.js';
