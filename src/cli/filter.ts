import { matchesGlob } from '../analyze/glob.js';
import { MetricsError } from '../errors.js';
import { agentId, agentProblem, type MetricRecord } from '../record.js';

/**
 * Makes a filter of the flags `--metric` and `--agent`.
 *
 * @param metrics - Patterns, of which one must match; undefined where all metrics are wanted.
 * @param agents - Agents as people write them; undefined where all are wanted.
 * @throws MetricsError `ERR_METRICS_OPTION` where an agent cannot be one.
 */
export function recordFilter(
  metrics: readonly string[] | undefined,
  agents: readonly string[] | undefined,
): (record: MetricRecord) => boolean {
  const ids = agents && new Set(agents.map(readAgent));
  return ({ agent, metric }) =>
    (ids === undefined || ids.has(agent)) &&
    (metrics === undefined || metrics.some((pattern) => matchesGlob(pattern, metric)));
}

function readAgent(text: string): string {
  const id = agentId(text);
  const problem = agentProblem(id);
  if (problem === undefined) return id;
  throw new MetricsError('ERR_METRICS_OPTION', `--agent: ${problem}`);
}
