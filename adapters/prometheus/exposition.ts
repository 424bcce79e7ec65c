import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Family } from './families.js';
import { TOTAL } from '../../src/prometheus/names.js';
import type { Format } from './negotiate.js';

/** What is used of the serializer of `@opentelemetry/exporter-prometheus`. */
export interface Serializer {
  serialize(metrics: ResourceMetrics): string;
}

const SCOPE = { name: '' };

/**
 * Writes families in one of the two text formats.
 *
 * @remarks
 * The serializer knows the older one; OpenMetrics has the same samples under other headers, and an end
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/).
 */
export function expose(
  families: readonly Family[],
  serializer: Serializer,
  resource: ResourceMetrics['resource'],
  format: Format,
): string {
  const names = new Set(families.map(({ name }) => name));
  let text = '';
  for (const family of families) {
    const metrics = { resource, scopeMetrics: [{ scope: SCOPE, metrics: [family.data] }] };
    const written = serializer.serialize(metrics);
    text += format === 'openmetrics' ? withOpenHeader(family, written, names) : written;
  }
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}

/** The samples of a family behind the header that OpenMetrics wants. */
function withOpenHeader(family: Family, written: string, names: ReadonlySet<string>): string {
  const { name, type, unit, data } = family;
  const base = type === 'counter' ? name.slice(0, -TOTAL.length) : name;
  // a counter whose name without its suffix is that of another metric has no form of its own there
  const clashes = type === 'counter' && names.has(base);
  const openName = clashes ? name : base;
  const help = escapeHelp(data.descriptor.description);
  const withUnit = unit !== '' && openName.endsWith(`_${unit}`) ? `# UNIT ${openName} ${unit}\n` : '';
  const header = `# HELP ${openName} ${help}\n# TYPE ${openName} ${clashes ? 'unknown' : type}\n${withUnit}`;
  return header + written.slice(samplesStart(written));
}

/** Where the comments end that a family begins with. */
function samplesStart(text: string): number {
  let start = 0;
  while (text.startsWith('#', start)) start = text.indexOf('\n', start) + 1;
  return start;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
