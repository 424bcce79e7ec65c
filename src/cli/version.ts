import { createRequire } from 'node:module';

/** The version of this package, found by the package's own name, wherever the build put this file. */
export function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('cfn-metrics/package.json') as { version: string };
  return manifest.version;
}
