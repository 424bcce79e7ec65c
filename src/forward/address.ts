import { MetricsError } from '../errors.js';
import { shown } from '../options.js';

/** Where requests go. */
export interface Address {
  readonly url: URL;
  /** What user and password in it become; nothing where there are none. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads the address of a backend.
 *
 * @remarks
 * Neither the error nor what is in the URL afterwards has its user and password: fetch takes no URL with them, and quotes
 * them when it says so.
 *
 * @param option - What it is called.
 * @throws MetricsError `ERR_METRICS_OPTION` where it is no http or https URL; never says what it was.
 */
export function readAddress(option: string, address: unknown): Address {
  const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw bad(`${option} must be an http or https URL`);
  }
  url.hash = '';
  if (url.username === '' && url.password === '') return { url, headers: {} };
  const headers = { authorization: basic(decoded(url.username), decoded(url.password)) };
  url.username = '';
  url.password = '';
  return { url, headers };
}

/** A URL with a path behind that which it has. */
export function withPath(url: URL, path: string): URL {
  const longer = new URL(url);
  longer.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return longer;
}

/** The header of a user and a password, as RFC 7617 has it. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** What a header can carry; fetch would quote a value that has anything else. */
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

/**
 * Reads headers that a user named; their names in small letters.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where one cannot be sent; names it, and never says its value.
 */
export function readHeaders(option: string, headers: unknown): Record<string, string> {
  if (headers === undefined) return {};
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw bad(`${option} must be an object of header names and values`);
  }
  const read = Object.entries(headers as Record<string, unknown>).map(([name, value]) => {
    if (!TOKEN.test(name)) throw bad(`${option} has ${shown(name)}, which is no name of a header`);
    if (typeof value !== 'string' || !HEADER_VALUE.test(value)) {
      throw bad(`${option}.${name} must be text that a header can carry`);
    }
    return [name.toLowerCase(), value] as const;
  });
  return Object.fromEntries(read);
}

/**
 * Reads a key or a token.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where it is none; never says what it was.
 */
export function readKey(option: string, key: unknown): string {
  if (typeof key === 'string' && /^[\x21-\x7e]{1,4096}$/.test(key)) return key;
  throw bad(
    `${option} must be 1 to 4096 visible ASCII characters${key === undefined ? ', and is missing' : ''}`,
  );
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
