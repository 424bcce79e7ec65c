import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetricsError } from '../errors.js';

/** What a config file says. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const NAMES = ['cfn-metrics.config.yaml', 'cfn-metrics.config.json'];

/**
 * Loads the config file of a directory, where it has one.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where there are two, or it cannot be read or is no mapping of settings.
 */
export async function loadConfig(directory: string): Promise<ConfigFile | undefined> {
  const found = NAMES.flatMap((name) => {
    const path = join(directory, name);
    const text = read(path);
    return text === undefined ? [] : [{ path, text }];
  });
  if (found.length > 1) {
    throw bad(`${found[0]!.path} and ${found[1]!.path} both exist; remove one of them`);
  }
  if (found[0] === undefined) return undefined;
  const { path, text } = found[0];
  const values = path.endsWith('.yaml') ? await parseYaml(path, text) : parseJson(path, text);
  if (values === null && path.endsWith('.yaml')) return { path, values: {} };
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw bad(`${path} must be a mapping of settings`);
  }
  return { path, values: values as Record<string, unknown> };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw bad(`${path} cannot be read: ${code}`, error);
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(`${path} is no JSON: ${(error as Error).message}`, error);
  }
}

/** The parser is loaded only where there is such a file, and is an optional dependency: JSON needs none. */
async function parseYaml(path: string, text: string): Promise<unknown> {
  let yaml: typeof import('yaml');
  try {
    yaml = await import('yaml');
  } catch (error) {
    throw bad(`${path} needs the package yaml: npm install yaml, or write cfn-metrics.config.json`, error);
  }
  try {
    return yaml.parse(text, { logLevel: 'error' });
  } catch (error) {
    const [message = ''] = (error as Error).message.split('\n');
    throw bad(`${path} is no YAML: ${message}`, error);
  }
}

function bad(message: string, cause?: unknown): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message, { cause });
}
