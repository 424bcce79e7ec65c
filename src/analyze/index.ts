export { type Analysis, analyze } from './analyzer.js';
export type { Group } from './groups.js';
export type { AnalyzeOptions, GroupKey } from './options.js';
export { quantile } from './quantile.js';
export type { Statistics } from './statistics.js';
