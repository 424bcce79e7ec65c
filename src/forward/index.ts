export type { Backend, BackendLimits, BackendRequest, ResourceOf } from './backend.js';
export type { ForwarderStats, ForwardEvent, ForwardListener } from './events.js';
export { type CheckResult, createForwarder, Forwarder, type ForwardLimits } from './forwarder.js';
export { FORWARDER_GAUGE_RULES, type ForwarderGaugeRule, type ForwarderOptions } from './options.js';
export type { Point } from './point.js';
