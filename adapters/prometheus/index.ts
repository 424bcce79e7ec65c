export { createPrometheusHandler, type PrometheusHandler } from './handler.js';
export type { PrometheusHandlerOptions } from './options.js';
