import { defineConfig, type Options } from 'tsup';
import { workerScript } from './scripts/worker-script.mjs';

/** What users import. Each is built as ESM and as CommonJS, with types of its own for each. */
const library = {
  index: 'src/index.ts',
  'otel/index': 'src/otel/index.ts',
  'otel/register': 'src/otel/register.ts',
  'analyze/index': 'src/analyze/index.ts',
  'alert/index': 'src/alert/index.ts',
  'archive/index': 'src/archive/index.ts',
  'forward/index': 'src/forward/index.ts',
  'adapters/prometheus/index': 'adapters/prometheus/index.ts',
  'adapters/otlp/index': 'adapters/otlp/index.ts',
  'adapters/newrelic/index': 'adapters/newrelic/index.ts',
  'adapters/datadog/index': 'adapters/datadog/index.ts',
  'adapters/remote-write/index': 'adapters/remote-write/index.ts',
};

const common: Options = {
  target: 'node20',
  platform: 'node',
  sourcemap: true,
  // without it each CommonJS entry would carry its own copy of every class
  splitting: true,
  // optional, so it stays a package: whoever has no YAML file never loads it
  external: ['yaml'],
  esbuildPlugins: [workerScript()],
  // scripts/build.mjs builds into an empty folder and swaps it in when everything succeeded
  clean: false,
};

export default defineConfig([
  { ...common, format: 'esm', entry: library },
  // CommonJS has no import.meta.url: the shim gives it one
  { ...common, format: 'cjs', entry: library, shims: true },
  // the command line is one file of its own, as CommonJS: it starts a sixth faster than as ESM in chunks, and what a
  // command does not need is not run
  { ...common, format: 'cjs', entry: { 'cli/index': 'src/cli/index.ts' }, splitting: false, shims: true },
  // the types of both formats at once: the program is read once
  {
    ...common,
    format: ['esm', 'cjs'],
    entry: library,
    // tsup sets baseUrl, which TypeScript 6 deprecates
    dts: { only: true, compilerOptions: { ignoreDeprecations: '6.0' } },
  },
]);
