/** One sample of an exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An exposition, taken apart. */
export interface Exposition {
  readonly samples: readonly Sample[];
  readonly types: ReadonlyMap<string, string>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\["\\n]|[^"\\\n])*)"(,|$)/y;

/** Parses a text exposition of either format, and throws at whatever Prometheus would not take, or take for another thing. */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  if (!text.endsWith('\n')) throw new Error('no newline at the end');
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) ?(.*)$/s.exec(line) ?? [];
    if (kind === 'HELP') {
      if (helped.has(name)) throw new Error(`HELP twice: ${line}`);
      helped.add(name);
    } else if (kind === 'TYPE') {
      if (types.has(name)) throw new Error(`TYPE twice: ${line}`);
      types.set(name, rest);
    } else if (kind === undefined && line !== '# EOF') {
      const sample = parseSample(line);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      samples.push(sample);
    }
  }
  return { samples, types };
}

function parseSample(line: string): Sample {
  const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${JSON.stringify(line)}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const at = LABEL.lastIndex;
    const [, key = '', text = ''] = LABEL.exec(labelText) ?? [];
    if (key === '') throw new Error(`no labels at ${at}: ${line}`);
    if (Object.hasOwn(labels, key)) throw new Error(`label ${key} twice: ${line}`);
    labels[key] = text.replace(/\\(.)/g, (_all, char: string) => (char === 'n' ? '\n' : char));
  }
  const number = value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value);
  if (Number.isNaN(number) && value !== 'NaN') throw new Error(`no number: ${line}`);
  return { name, labels, value: number };
}
