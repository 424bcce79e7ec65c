import { MetricsError } from '../../src/errors.js';
import { OTLP_PROTOCOLS } from '../../src/forward/otlp/encode.js';
import { shown, wordOption } from '../../src/options.js';
import type { OtlpBackendOptions } from './options.js';

/**
 * What the variables of OpenTelemetry say of where metrics go.
 *
 * @public
 */
export interface OtlpEnvironment {
  /** For {@link createOtlpBackend}; what no variable says is left out. */
  readonly options: OtlpBackendOptions;
  /** How long a request may take, in milliseconds; undefined where no variable says it. */
  readonly timeoutMs: number | undefined;
}

/**
 * Reads `OTEL_EXPORTER_OTLP_ENDPOINT`, `HEADERS`, `PROTOCOL`, `COMPRESSION` and `TIMEOUT`, and each with `METRICS_` in its
 * middle, which goes before; and `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
 *
 * @remarks
 * As https://opentelemetry.io/docs/specs/otel/protocol/exporter/ has them: an empty variable is an unset one, the endpoint
 * for metrics is taken as it is, values of headers are percent-decoded. `lowmemory` means deltas, since what an agent
 * counts has lost whether it was observed. Nothing else is read, and no variable is looked for elsewhere.
 *
 * @param env - The variables, such as `process.env`.
 * @throws MetricsError `ERR_METRICS_OPTION` where one cannot be: gRPC is not spoken. Headers and endpoints are not shown.
 *
 * @public
 */
export function otlpEnvironment(env: Readonly<Record<string, string | undefined>>): OtlpEnvironment {
  const read = (name: string): Variable | undefined => {
    const metrics = variable(env, `OTEL_EXPORTER_OTLP_METRICS_${name}`);
    return metrics ?? variable(env, `OTEL_EXPORTER_OTLP_${name}`);
  };
  const metricsEndpoint = variable(env, 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT');
  const endpoint = variable(env, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const headers = {
    ...headersOf(variable(env, 'OTEL_EXPORTER_OTLP_HEADERS')),
    ...headersOf(variable(env, 'OTEL_EXPORTER_OTLP_METRICS_HEADERS')),
  };
  const protocol = read('PROTOCOL');
  const compression = read('COMPRESSION');
  const preference = variable(env, 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE');
  const timeout = read('TIMEOUT');
  return {
    options: {
      ...(metricsEndpoint !== undefined && { metricsEndpoint: metricsEndpoint.text }),
      ...(endpoint !== undefined && { endpoint: endpoint.text }),
      ...(Object.keys(headers).length > 0 && { headers }),
      ...(protocol !== undefined && { protocol: word(protocol, OTLP_PROTOCOLS) }),
      ...(compression !== undefined && { compression: word(compression, ['gzip', 'none'] as const) }),
      ...(preference !== undefined && { temporality: temporalityOf(preference) }),
    },
    timeoutMs: timeout === undefined ? undefined : milliseconds(timeout),
  };
}

interface Variable {
  readonly name: string;
  readonly text: string;
}

function variable(env: Readonly<Record<string, string | undefined>>, name: string): Variable | undefined {
  const text = env[name]?.trim();
  return text === undefined || text === '' ? undefined : { name, text };
}

function word<T extends string>({ name, text }: Variable, words: readonly T[]): T {
  return wordOption(name, text, words[0]!, words);
}

function temporalityOf({ name, text }: Variable): 'delta' | 'cumulative' {
  // the one value that the specification has not to the letter
  const preference = word({ name, text: text.toLowerCase() }, ['cumulative', 'delta', 'lowmemory']);
  return preference === 'cumulative' ? 'cumulative' : 'delta';
}

function milliseconds({ name, text }: Variable): number {
  const ms = Number(text);
  if (/^[0-9]+$/.test(text) && ms > 0 && ms < 2 ** 31) return ms;
  throw bad(`${name} must be milliseconds, a whole number from 1, got ${shown(text)}`);
}

/** `key1=value1,key2=value2`; a value is what stands behind the first `=`, and may be percent-encoded. */
function headersOf(given: Variable | undefined): Record<string, string> {
  if (given === undefined) return {};
  const { name, text } = given;
  const entries = text.split(',').flatMap((part): [string, string][] => {
    if (part.trim() === '') return [];
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(0, at)).trim().toLowerCase();
    if (key === '') throw bad(`${name} must be name=value, and several of them with commas in between`);
    try {
      return [[key, decodeURIComponent(part.slice(at + 1).trim())]];
    } catch {
      throw bad(
        `${name} has a header ${shown(key)} whose percent signs cannot be decoded: write %25 for one`,
      );
    }
  });
  return Object.fromEntries(entries);
}

function bad(message: string): MetricsError {
  return new MetricsError('ERR_METRICS_OPTION', message);
}
