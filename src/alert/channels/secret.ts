import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { MetricsError } from '../../errors.js';

/**
 * Something that is not to be seen: the text itself, the name of an environment variable that has it, or the path of
 * a file that has it, as Kubernetes, Docker and systemd hand them out.
 *
 * @public
 */
export type Secret = string | { readonly env: string } | { readonly file: string };

/** The variables that secrets may name. */
export type Variables = Readonly<Record<string, string | undefined>>;

const MAX_BYTES = 65_536;

/**
 * Reads a secret as it is now: a file may be replaced while the alerter runs.
 *
 * @param where - Which setting it is, for the error.
 * @returns The text without white space around it: files end with a newline.
 * @throws MetricsError `ERR_METRICS_OPTION` where there is none, which names variable or file, and never what they hold.
 */
export function readSecret(where: string, secret: Secret, env: Variables): string {
  const { text, source } = find(where, secret, env);
  const trimmed = text.trim();
  if (trimmed === '') throw bad(where, `${source} is empty`);
  // It goes into a header or a URL, and what refuses it there would quote it.
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(trimmed)) throw bad(where, `${source} has more than one line`);
  return trimmed;
}

function find(where: string, secret: Secret, env: Variables): { text: string; source: string } {
  if (typeof secret === 'string') return { text: secret, source: 'the text' };
  if ('file' in secret) return { text: readText(where, secret.file), source: `file ${secret.file}` };
  const text = env[secret.env];
  if (text === undefined) throw bad(where, `environment variable ${secret.env} is not set`);
  return { text, source: `environment variable ${secret.env}` };
}

/** Links are followed: that is how Kubernetes replaces a secret. A FIFO is not waited for. */
function readText(where: string, path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw bad(where, `file ${path} is not a regular file`);
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const bytes = readSync(fd, buffer, 0, buffer.length, 0);
    if (bytes > MAX_BYTES) throw bad(where, `file ${path} is larger than ${MAX_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytes);
  } catch (error) {
    if (error instanceof MetricsError) throw error;
    throw bad(where, `file ${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'it failed'}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function bad(where: string, what: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', `${where}: ${what}`);
}

/** Takes secrets out of a text that somebody else wrote. */
export function mask(text: string, secrets: readonly string[]): string {
  const known = secrets.filter((secret) => secret !== '').sort((a, b) => b.length - a.length);
  return known.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}

/** Takes the beginning of a secret from the end of a text that was cut off: masking did not find it. */
export function withoutTornSecret(text: string, secrets: readonly string[]): string {
  // half a letter
  const known = text.replace(/\ufffd$/, '');
  let torn = 0;
  for (const secret of secrets) {
    let length = Math.min(secret.length - 1, known.length);
    while (length > torn && !known.endsWith(secret.slice(0, length))) length -= 1;
    torn = Math.max(torn, length);
  }
  return known.slice(0, known.length - torn);
}

/** Reads the headers that a user named; their names were checked before. */
export function readHeaders(
  where: string,
  headers: Readonly<Record<string, Secret>> = {},
  env: Variables,
): Record<string, string> {
  const read = Object.entries(headers).map(([name, secret]) => {
    const text = readSecret(`${where}.${name}`, secret, env);
    // What is not of Latin-1 no header can carry, and fetch would quote it.
    if (/[^\u0020-\u00ff]/.test(text)) throw bad(`${where}.${name}`, 'has letters that no header can carry');
    return [name.toLowerCase(), text] as const;
  });
  return Object.fromEntries(read);
}
