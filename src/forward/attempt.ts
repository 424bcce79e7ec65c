import { retryAfterMs } from '../retry-after.js';
import type { BackendRequest } from './backend.js';

/** What is read of an answer. */
const MAX_ANSWER_BYTES = 65_536;
const MAX_REASON = 200;

/** What became of one request. */
export type Outcome =
  | { readonly kind: 'accepted'; readonly body: Uint8Array; readonly contentType: string }
  /** To be made again, not before `afterMs`. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | undefined }
  | { readonly kind: 'tooLarge'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Makes a request once.
 *
 * @remarks
 * 2xx is accepted; 408, 425, 429, 5xx, errors of the network and no answer in time are to be made again; 413 is too
 * large; whatever else, redirects too, is final. Reasons name the origin only, and repeat no header: secrets are there.
 *
 * @param signal - Ends the attempt.
 * @returns What became of it; never rejects.
 */
export async function attempt(
  request: BackendRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { origin } = new URL(request.url);
  // Not AbortSignal.any: in Node 20 the signal of a whole daemon remembers each attempt for ever.
  const own = new AbortController();
  const cancel = (): void => own.abort();
  if (signal.aborted) cancel();
  signal.addEventListener('abort', cancel, { once: true });
  const timer = setTimeout(cancel, timeoutMs);
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      body: request.body,
      headers: { 'user-agent': 'cfn-metrics', ...request.headers },
      // A redirect could lead keys anywhere.
      redirect: 'manual',
      signal: own.signal,
    });
    return await judge(response, origin, secretsOf(request));
  } catch (error) {
    if (signal.aborted) return retry(`${origin}: interrupted`);
    if (own.signal.aborted) return retry(`${origin}: no answer within ${timeoutMs} ms`);
    return retry(`${origin}: ${trouble(error)}`);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
}

async function judge(response: Response, origin: string, secrets: readonly string[]): Promise<Outcome> {
  const { status, ok, headers } = response;
  const body = await read(response);
  if (ok) return { kind: 'accepted', body, contentType: headers.get('content-type') ?? '' };
  if (status >= 300 && status < 400) {
    return { kind: 'refused', reason: `${origin} answered ${status}: redirects are not followed` };
  }
  const text = oneLine(mask(Buffer.from(body).toString('utf8'), secrets));
  const reason = `${origin} answered ${status}${text === '' ? '' : `: ${text}`}`;
  if (status === 413) return { kind: 'tooLarge', reason };
  if (status !== 408 && status !== 425 && status !== 429 && status < 500) return { kind: 'refused', reason };
  return { kind: 'retry', reason, afterMs: retryAfterMs(headers.get('retry-after'), headers.get('date')) };
}

/** The beginning of an answer, as far as it comes. */
async function read(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  try {
    while (reader !== undefined && bytes <= MAX_ANSWER_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value.subarray(0, MAX_ANSWER_BYTES));
      bytes += value.length;
    }
  } catch {
    // The status came, and says what became of it.
  }
  reader?.cancel().catch(() => undefined);
  return Buffer.concat(chunks);
}

function retry(reason: string): Outcome {
  return { kind: 'retry', reason, afterMs: undefined };
}

/** Values of headers that an answer could repeat. */
function secretsOf({ headers }: BackendRequest): string[] {
  const open = /^(content-|user-agent|accept|x-prometheus-)/i;
  return Object.entries(headers)
    .filter(([name, value]) => !open.test(name) && value.length > 3)
    .flatMap(([, value]) => [value, value.replace(/^(Basic|Bearer) /, '')]);
}

function mask(text: string, secrets: readonly string[]): string {
  return secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}

function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim();
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}

/** fetch says "fetch failed", and the reason is underneath, in one or several. */
function trouble(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(cause instanceof Error)) return 'failed';
  const { code } = cause as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : oneLine(cause.message);
}
