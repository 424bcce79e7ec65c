import type { AttributeValue } from '../attributes.js';
import type { MetricRecord } from '../record.js';
import { formatNumber } from './format.js';
import type { Style } from './style.js';
import { visible } from './text.js';

/** A record as people read it, on one line: time, agent, metric, value, unit, attributes. */
export function recordLine(record: MetricRecord, style: Style): string {
  const { time, agent, metric, unit = '', attributes = {} } = record;
  const pairs = Object.entries(attributes).map(([key, value]) => `${quoted(key)}=${attributeText(value)}`);
  const parts = [
    style.dim(new Date(time).toISOString()),
    visible(agent),
    style.bold(visible(metric)),
    valueText(record),
    visible(unit),
    style.dim(pairs.join(' ')),
  ];
  return `${parts.filter((part) => part !== '').join(' ')}\n`;
}

function valueText({ type, value, count, min, max }: MetricRecord): string {
  // One value is shown as it was stored; only the mean of a histogram is a number that nobody measured.
  if (type !== 'histogram' && type !== 'exponential_histogram') return `${value}`;
  const extremes =
    min === undefined || max === undefined ? '' : `, ${formatNumber(min)} to ${formatNumber(max)}`;
  return `~${formatNumber(value)} (${count ?? 0} values${extremes})`;
}

function attributeText(value: AttributeValue): string {
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'object' ? visible(JSON.stringify(value)) : `${value}`;
}

/** A text that cannot be taken for two. */
function quoted(text: string): string {
  return visible(/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text));
}
