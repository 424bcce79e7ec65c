import type { Attributes } from '../attributes.js';
import type { Point } from './point.js';

/**
 * What one request may hold, and which points a backend takes at all.
 *
 * @public
 */
export interface BackendLimits {
  /** Points in a request. */
  readonly points: number;
  /** Bytes of a request as it is sent. */
  readonly bytes: number;
  /** Bytes of a request before it is compressed. */
  readonly rawBytes: number;
  /** A point that is older is not taken, in milliseconds; Infinity where any is. */
  readonly maxAgeMs: number;
  /** A point that is further in the future is not taken, in milliseconds. */
  readonly maxFutureMs: number;
}

/**
 * A request, ready to be sent by POST.
 *
 * @public
 */
export interface BackendRequest {
  /** Where it goes, without user and password. */
  readonly url: string;
  /** Secrets are in here only. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is sent, compressed where `headers` say so. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** Bytes of the body before it was compressed. */
  readonly rawBytes: number;
  /**
   * The points that it tells of, as they were given, each in one request: what is halved where the request is too large,
   * and what is not sent again once it is accepted.
   */
  readonly points: readonly Point[];
}

/**
 * Attributes of the resource that an agent is, or, where it is undefined, that the host is: `host.name` at least.
 *
 * @public
 */
export type ResourceOf = (agent: string | undefined) => Attributes;

/**
 * Where points are forwarded to. It knows the form of its requests; when and how often they are sent, and what becomes
 * of those that fail, is the same for all backends.
 *
 * @public
 */
export interface Backend {
  /** Names its state and its metrics, such as `otlp`. */
  readonly name: string;
  /** In which form it wants sums and histograms. Up-down counters are always told as their present value. */
  readonly temporality: 'delta' | 'cumulative';
  /** What one request may hold; larger ones are halved. */
  readonly limits: BackendLimits;
  /**
   * Of a series and so many milliseconds the backend keeps one value, the last: no two intervals end in them.
   *
   * @defaultValue 1
   */
  readonly resolutionMs?: number | undefined;
  /**
   * Makes requests out of points. Pure: the same points make the same bytes, or a repeat would not be harmless.
   *
   * @param points - Not more than one request may hold. What the backend has no form for is left out of every request.
   * @param resourceOf - What an agent is.
   */
  encode(points: readonly Point[], resourceOf: ResourceOf): readonly BackendRequest[];
  /**
   * Hears, before anything is told, of what series there were when an earlier run ended, as points in the order in which they
   * came up: so that of two that it cannot tell apart a backend tells the same one as before.
   */
  resume?(points: readonly Point[]): void;
  /**
   * Says why a point is in no request.
   *
   * @defaultValue that there is no form for what it says
   */
  whyUntold?(point: Point): string;
  /**
   * Reads the body of an answer that says the request was accepted.
   *
   * @returns What it refused of it all the same; undefined where that is nothing.
   */
  partialSuccess?(
    body: Uint8Array,
    contentType: string,
  ): { readonly points: number; readonly reason: string } | undefined;
}
