import { readFileSync } from 'node:fs';
import { MetricsError } from '../../errors.js';
import { shown } from '../../options.js';

/**
 * The token that clients must bear, where there is one; never told to anybody, and so in no message.
 *
 * @throws MetricsError `ERR_METRICS_OPTION` where its file cannot be read.
 */
export function readToken(file: string | undefined): string | undefined {
  const { CFN_METRICS_PROMETHEUS_TOKEN: token = '' } = process.env;
  if (file === undefined) return token === '' ? undefined : token;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new MetricsError(
      'ERR_METRICS_OPTION',
      `--token-file ${shown(file)} cannot be read: ${(cause as Error).message}`,
      { cause },
    );
  }
}
