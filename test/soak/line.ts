/** Every record begins with this, and has it nowhere else. */
const START = '{"timestamp":"';

/** A numbered record. */
interface Numbered {
  readonly agent: string;
  readonly value: number;
}

/**
 * Reads a line of a shard by means of its own, so that it shares no mistake with what is tested.
 *
 * @returns How many records on it were cut off, and the last one, where it is whole and numbered.
 */
export function readLine(line: string): { readonly torn: number; readonly numbered?: Numbered } {
  const pieces = line.split(START);
  const last = pieces.pop() ?? '';
  const torn = pieces.filter((piece) => piece !== '').length;
  let record: Numbered & { readonly metric: string };
  try {
    record = JSON.parse(START + last) as typeof record;
  } catch {
    return { torn: torn + 1 };
  }
  return record.metric === 'soak' ? { torn, numbered: record } : { torn };
}
