import { gzipSync } from 'node:zlib';
import type { Backend, BackendLimits, BackendRequest, ResourceOf } from '../backend.js';
import type { Point } from '../point.js';
import { encodeOtlp, type OtlpProtocol, type Shape } from './encode.js';
import { isTold } from './metrics.js';
import { readPartialSuccess } from './response.js';
import type { Serializers } from './serializers.js';

/** Everything that tells one receiver of OTLP from another. */
export interface OtlpSettings {
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: OtlpProtocol;
  readonly gzip: boolean;
  readonly temporality: 'delta' | 'cumulative';
  readonly shape: Shape;
  /** Leaves out gauges and sums that are NaN or infinite, which some drop without a word. */
  readonly finiteOnly: boolean;
  readonly limits: BackendLimits;
}

/** A backend that takes OTLP over HTTP. */
export class OtlpBackend implements Backend {
  readonly name: string;
  readonly temporality: 'delta' | 'cumulative';
  readonly limits: BackendLimits;
  readonly #settings: OtlpSettings;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #serializers: Serializers;

  constructor(settings: OtlpSettings, serializers: Serializers) {
    this.name = settings.name;
    this.temporality = settings.temporality;
    this.limits = settings.limits;
    this.#settings = settings;
    this.#serializers = serializers;
    this.#headers = {
      ...settings.headers,
      'content-type': settings.protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      ...(settings.gzip && { 'content-encoding': 'gzip' }),
    };
  }

  encode(points: readonly Point[], resourceOf: ResourceOf): readonly BackendRequest[] {
    const { finiteOnly } = this.#settings;
    const told = points.filter((point) => isTold(point) && (!finiteOnly || isFinite(point)));
    if (told.length === 0) return [];
    const raw = encodeOtlp(told, resourceOf, this.#settings, this.#serializers);
    const body = this.#settings.gzip ? gzipSync(raw) : raw;
    return [
      {
        url: this.#settings.url.href,
        headers: this.#headers,
        body,
        rawBytes: raw.length,
        points: told,
      },
    ];
  }

  partialSuccess(body: Uint8Array, contentType: string): ReturnType<typeof readPartialSuccess> {
    return readPartialSuccess(body, contentType, this.#serializers);
  }
}

function isFinite({ type, value }: Point): boolean {
  return type === 'histogram' || type === 'exponential_histogram' || Number.isFinite(value);
}
