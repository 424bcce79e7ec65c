import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Decides whether a request may be answered at all. */
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #token: Buffer | undefined;

  /**
   * Keeps a digest of the token, not the token.
   *
   * @param hosts - Names that are allowed beside localhost and addresses; `*` for any.
   * @param token - What a client must bear; undefined for nothing.
   */
  constructor(hosts: readonly string[], token: string | undefined) {
    this.#hosts = new Set(hosts.map((host) => host.toLowerCase()));
    this.#token = token === undefined ? undefined : digest(token);
  }

  /**
   * Whether the request is meant for this server.
   *
   * @remarks
   * A page in a browser may have its own name point to 127.0.0.1, and then read what it gets from there (DNS rebinding).
   * Its name is in the header `Host`; an address in there cannot be rebound. Without the header it is no browser.
   */
  isMeantForUs({ headers: { host } }: IncomingMessage): boolean {
    if (host === undefined || this.#hosts.has('*')) return true;
    const name = host.toLowerCase().replace(/:[0-9]*$/, '');
    const address = name.replace(/^\[(.*)\]$/, '$1');
    return isIP(address) > 0 || name === 'localhost' || name.endsWith('.localhost') || this.#hosts.has(name);
  }

  /** Whether the request bears the token. How long that takes says nothing about the token. */
  isAuthorized({ headers: { authorization = '' } }: IncomingMessage): boolean {
    if (this.#token === undefined) return true;
    const given = /^bearer +(.*)$/i.exec(authorization)?.[1];
    return given !== undefined && timingSafeEqual(digest(given), this.#token);
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
