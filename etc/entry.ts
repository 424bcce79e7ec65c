// Every entry point in one module, for API Extractor's one report. The namespaces say which entry point a name
// comes from (`register` has none); the flat exports are where links in the documentation find it.
export * from '../src/index.js';
export * from '../src/otel/index.js';
export * from '../src/analyze/index.js';
export * from '../src/alert/index.js';
export * from '../src/archive/index.js';
export * from '../src/forward/index.js';
export * from '../adapters/prometheus/index.js';
export * from '../adapters/otlp/index.js';
export * from '../adapters/newrelic/index.js';
export * from '../adapters/datadog/index.js';
export * from '../adapters/remote-write/index.js';
export * as otelEntry from '../src/otel/index.js';
export * as analyzeEntry from '../src/analyze/index.js';
export * as alertEntry from '../src/alert/index.js';
export * as archiveEntry from '../src/archive/index.js';
export * as forwardEntry from '../src/forward/index.js';
export * as prometheusEntry from '../adapters/prometheus/index.js';
export * as otlpEntry from '../adapters/otlp/index.js';
export * as newRelicEntry from '../adapters/newrelic/index.js';
export * as datadogEntry from '../adapters/datadog/index.js';
export * as remoteWriteEntry from '../adapters/remote-write/index.js';
