export { type Analysis, analyze, Analyzer } from './analyzer.js';
export type { QuantileRange } from './buckets.js';
export { ExplicitHistogram, type ExplicitPoint } from './explicit-histogram.js';
export { ExponentialHistogram, type ExponentialPoint } from './exponential-histogram.js';
export type { Group } from './groups.js';
export type { AnalyzeOptions, GroupKey, Ranking } from './options.js';
export { quantile } from './quantile.js';
export type { Over } from './ranking.js';
export { type StatisticName, type Statistics, STATISTICS } from './statistics.js';
