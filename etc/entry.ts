// Every entry point in one module, so that API Extractor writes one report: the names of `cfn-metrics`
// at the top level, those of `cfn-metrics/<entry>` in a namespace of that name. `register` exports nothing.
export * from '../src/index.js';
export * as otel from '../src/otel/index.js';
export * as analyze from '../src/analyze/index.js';
