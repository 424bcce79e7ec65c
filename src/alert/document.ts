import { MetricsError } from '../errors.js';

/** Where something is in a file: keys and numbers of list items, from the top. */
export type Path = readonly (string | number)[];

/** A parsed file that knows on which line everything is. */
export interface Document {
  readonly file: string;
  readonly value: unknown;
  /** The line of something, from 1; undefined where nobody knows. */
  readonly lineOf: (path: Path) => number | undefined;
}

/**
 * Parses YAML, of which JSON is a part.
 *
 * @remarks
 * The parser is an optional dependency. Without it JSON can be read, but then nobody knows the lines.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where it cannot be parsed, or the parser is missing.
 */
export async function parseDocument(text: string, file: string): Promise<Document> {
  let yaml: typeof import('yaml');
  try {
    yaml = await import('yaml');
  } catch (error) {
    return parseJson(text, file, error);
  }
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new MetricsError('ERR_METRICS_OPTION', `${file}:${line}: ${error.message.split('\n')[0]!}`);
  }
  const lineOf = (path: Path): number | undefined => {
    const offset = offsetOf(yaml, document.contents, path);
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  // Aliases of aliases of aliases would take all memory there is.
  try {
    return { file, value: document.toJS({ maxAliasCount: 100 }) as unknown, lineOf };
  } catch (error) {
    throw new MetricsError('ERR_METRICS_OPTION', `${file} cannot be read: ${(error as Error).message}`);
  }
}

function parseJson(text: string, file: string, missing: unknown): Document {
  try {
    return { file, value: JSON.parse(text), lineOf: () => undefined };
  } catch (error) {
    const reason = file.endsWith('.json')
      ? `is no JSON: ${(error as Error).message}`
      : 'needs the package yaml: npm install yaml, or write it as JSON';
    throw new MetricsError('ERR_METRICS_OPTION', `${file} ${reason}`, { cause: missing });
  }
}

/** Where a key stands, or a list's item; of what is not there that of what it should be in. */
function offsetOf(yaml: typeof import('yaml'), root: unknown, path: Path): number | undefined {
  let node = root;
  let offset = yaml.isNode(root) ? root.range?.[0] : undefined;
  for (const step of path) {
    if (yaml.isMap(node)) {
      const pair = node.items.find(
        ({ key }) => (yaml.isScalar(key) ? String(key.value) : key) === String(step),
      );
      if (pair === undefined) return offset;
      if (yaml.isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (yaml.isSeq(node)) {
      node = node.items[Number(step)];
      if (yaml.isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
