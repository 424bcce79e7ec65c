import { labelName } from './names.js';

/** Labels of a series, and text that is the same for the same labels. */
export interface Labels {
  readonly values: Readonly<Record<string, string>>;
  readonly key: string;
}

/** Makes labels of attributes, and remembers them as long as the attributes are: a producer hands out the same each time. */
export class LabelMaker {
  readonly #made = new WeakMap<object, Labels>();

  /**
   * The labels of a point.
   *
   * @remarks
   * Keys that become one label are joined: the values in the order of the original keys, with `;` between them
   * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/#metric-attributes). A label
   * without a value is none.
   */
  labelsOf(attributes: Readonly<Record<string, unknown>>): Labels {
    const known = this.#made.get(attributes);
    if (known !== undefined) return known;
    const values: Record<string, string> = {};
    for (const key of Object.keys(attributes).sort()) {
      const text = labelValue(attributes[key]);
      if (text === '') continue;
      const name = labelName(key);
      values[name] = Object.hasOwn(values, name) ? `${values[name]};${text}` : text;
    }
    const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
    const labels = { values: Object.fromEntries(sorted), key: JSON.stringify(sorted) };
    this.#made.set(attributes, labels);
    return labels;
  }
}

function labelValue(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\ufffd');
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  const json = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'number' && !Number.isFinite(part) ? String(part) : part,
  );
  return json.toWellFormed();
}
