/** Counters end with it. */
export const TOTAL = '_total';

/** What Prometheus or this adapter gives a meaning to; attributes of these names are renamed. */
const RESERVED: ReadonlySet<string> = new Set(['agent', 'le', 'quantile']);

/**
 * The name of a metric as Prometheus has it: what it does not allow becomes an underscore, runs of them one. The prefix is
 * put in front of it unless it is there already.
 */
export function metricName(name: string, prefix: string): string {
  const plain = sanitize(name);
  const full = prefix !== '' && plain.startsWith(prefix) ? plain : `${prefix}${plain}`;
  // a prefix may end with an underscore before a name that begins with one
  return withoutDigitFirst(full.replace(/__+/g, '_'));
}

/**
 * The name of a label. `agent.id` is the label `agent`, which belongs to the record and not to its attributes: of those,
 * one of that name, or of a name that has a meaning in Prometheus, becomes `exported_…`, as Prometheus itself does it.
 */
export function labelName(key: string): string {
  if (key === 'agent.id') return 'agent';
  const name = withoutDigitFirst(sanitize(key));
  return RESERVED.has(name) ? `exported_${name}` : name;
}

function sanitize(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_').replace(/__+/g, '_');
}

function withoutDigitFirst(name: string): string {
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

/** The kinds of family there are in Prometheus. */
export type FamilyType = 'counter' | 'gauge' | 'histogram';

/** The name of a family: that of its samples; of a histogram without their suffixes. */
export function familyName(name: string, type: FamilyType): string {
  return type === 'counter' && !name.endsWith(TOTAL) ? `${name}${TOTAL}` : name;
}

/** The names that a family takes for itself. */
export function sampleNames(name: string, type: FamilyType): string[] {
  if (type !== 'histogram') return [name];
  return [name, ...['_bucket', '_sum', '_count'].map((suffix) => `${name}${suffix}`)];
}
