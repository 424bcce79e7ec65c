/** Units of UCUM, which OpenTelemetry uses, by their names at Datadog: https://docs.datadoghq.com/metrics/units/. */
const UNITS: Readonly<Record<string, string>> = {
  ...{ ns: 'nanosecond', us: 'microsecond', ms: 'millisecond', s: 'second', min: 'minute', h: 'hour' },
  ...{ By: 'byte', kBy: 'kilobyte', MBy: 'megabyte', GBy: 'gigabyte', MB: 'megabyte', GB: 'gigabyte' },
  ...{ KiBy: 'kibibyte', MiBy: 'mebibyte', GiBy: 'gibibyte', '%': 'percent' },
};

/** What Datadog calls a unit; undefined where it is not known to have it. */
export function unitOf(unit: string | undefined): string | undefined {
  return unit !== undefined && Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
}
