import type { Delivery } from '../channel.js';
import type { Endpoint } from './endpoint.js';
import { mask, withoutTornSecret } from './secret.js';
import { retryAfterMs } from '../../retry-after.js';
import { plain } from '../text.js';

/** How long a receiver may take when nobody says otherwise. */
const DEFAULT_TIMEOUT_MS = 8000;

/** What is read of an answer that is an error. */
const MAX_ANSWER_BYTES = 4096;
const MAX_REASON = 200;

/** One attempt. */
export interface Post {
  readonly endpoint: Endpoint;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What else is not to be seen, such as a key in the body. */
  readonly secrets?: readonly string[] | undefined;
  readonly timeoutMs?: number | undefined;
  /** Milliseconds to wait after a 429 that does not say how long. */
  readonly limitedMs?: number | undefined;
}

/**
 * Posts JSON once.
 *
 * @remarks
 * 2xx is sent; 408, 425, 429, 5xx, errors of the network and no answer in time are to be tried again; whatever else,
 * redirects too, is final. Reasons name the origin only: paths are secrets.
 *
 * @param post - What to send where.
 * @param signal - Ends the attempt.
 * @returns What became of it; never rejects.
 */
export async function postOnce(post: Post, signal: AbortSignal): Promise<Delivery> {
  const { endpoint, body, timeoutMs = DEFAULT_TIMEOUT_MS } = post;
  const { origin } = endpoint.url;
  const secrets = [...endpoint.secrets, ...(post.secrets ?? [])];
  // Not AbortSignal.any: in Node 20 the signal of a whole daemon remembers each attempt for ever.
  const attempt = new AbortController();
  const cancel = (): void => {
    attempt.abort();
  };
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const timer = setTimeout(cancel, timeoutMs);
  try {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'cfn-metrics',
        ...endpoint.headers,
        ...post.headers,
      },
      // A redirect could lead an alert, and its secrets, anywhere.
      redirect: 'manual',
      signal: attempt.signal,
    });
    return await judge(response, post, secrets);
  } catch (error) {
    if (signal.aborted) return { outcome: 'retry', reason: `${origin}: interrupted` };
    if (attempt.signal.aborted) {
      return { outcome: 'retry', reason: `${origin}: no answer within ${timeoutMs} ms` };
    }
    return { outcome: 'retry', reason: `${origin}: ${plain(mask(trouble(error), secrets), MAX_REASON)}` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
}

async function judge(response: Response, post: Post, secrets: readonly string[]): Promise<Delivery> {
  const { origin } = post.endpoint.url;
  const { status, ok, headers } = response;
  if (ok) {
    // It was taken; how the answer goes on does not matter, and may never end.
    response.body?.cancel().catch(() => undefined);
    return { outcome: 'sent' };
  }
  if (status >= 300 && status < 400) {
    response.body?.cancel().catch(() => undefined);
    const location = headers.get('location') ?? '';
    const target = URL.canParse(location, origin) ? ` to ${new URL(location, origin).origin}` : '';
    const what = plain(mask(`redirects${target} are not followed`, secrets), MAX_REASON);
    const reason = `${origin} answered ${status}: ${what}`;
    return { outcome: 'refused', reason };
  }
  const said = await excerpt(response, secrets);
  const reason = `${origin} answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status !== 408 && status !== 425 && status !== 429 && status < 500)
    return { outcome: 'refused', reason };
  const unsaid = status === 429 ? post.limitedMs : undefined;
  const asked = retryAfterMs(headers.get('retry-after'), headers.get('date')) ?? unsaid;
  return { outcome: 'retry', reason, ...(asked === undefined ? {} : { retryAfterMs: asked }) };
}

/** The beginning of an answer, as one line without secrets. */
async function excerpt(response: Response, secrets: readonly string[]): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let whole = false;
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  try {
    while (reader !== undefined && bytes <= MAX_ANSWER_BYTES) {
      const { done, value } = await reader.read();
      whole = done;
      if (done) break;
      // A chunk can be as large as a compressed answer makes it.
      chunks.push(value.subarray(0, MAX_ANSWER_BYTES));
      bytes += value.length;
    }
  } catch {
    // What came says enough.
  }
  reader?.cancel().catch(() => undefined);
  const text = mask(Buffer.concat(chunks).toString('utf8'), secrets);
  return plain(whole ? text : withoutTornSecret(text, secrets), MAX_REASON);
}

/** fetch says "fetch failed", and the reason is underneath, in one or several. */
function trouble(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof Error)) return 'failed';
  const { code } = cause as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : cause.message;
}
