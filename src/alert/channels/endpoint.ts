import { MetricsError } from '../../errors.js';
import { readSecret, type Secret, type Variables } from './secret.js';

/** Where to post to, and what of it is not to be seen. */
export interface Endpoint {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** Parts of a URL as short as this are words, such as `services`, and longer ones may be tokens. */
const WORD = 7;

/**
 * Reads the address of a receiver. All of it behind the host counts as secret: so it is with Slack.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where it is missing or no http or https URL; never says what it was.
 */
export function readEndpoint(where: string, address: Secret, env: Variables): Endpoint {
  const text = readSecret(where, address, env);
  const url = parse(text);
  if (url === undefined) {
    throw new MetricsError('ERR_METRICS_OPTION', `${where} must be an http or https URL`);
  }
  const parts = [...url.pathname.split('/'), ...url.searchParams.values(), url.username];
  const secrets = [text, url.href, `${url.pathname}${url.search}`, url.pathname, url.search, url.password]
    .concat(parts.filter((part) => part.length > WORD))
    .filter((secret) => secret.length > 1);
  const headers: Record<string, string> = {};
  if (url.username !== '' || url.password !== '') {
    // fetch takes no URL with credentials, and quotes them when it says so
    const pair = `${decoded(url.username)}:${decoded(url.password)}`;
    const basic = Buffer.from(pair).toString('base64');
    headers['authorization'] = `Basic ${basic}`;
    secrets.push(basic, pair);
    url.username = '';
    url.password = '';
  }
  return { url, headers, secrets: [...secrets, ...secrets.map(decoded)] };
}

function parse(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

/** Whether a text can be an address; for whoever reads the rules. */
export function isAddress(text: string): boolean {
  return parse(text.trim()) !== undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
