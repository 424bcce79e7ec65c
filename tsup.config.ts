import { defineConfig, type Options } from 'tsup';
import { commonJs } from './scripts/common-js.mjs';
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
  format: 'esm',
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

const asCommonJs: Options = { ...common, outExtension: () => ({ js: '.cjs' }), plugins: [commonJs()] };

export default defineConfig([
  { ...common, entry: library },
  { ...asCommonJs, entry: library },
  // the command line as CommonJS, which starts a sixth faster than ESM, in files of its own: a command loads what it needs.
  // To read the code of all commands took a third of the time in which Node starts
  {
    ...asCommonJs,
    entry: { 'cli/index': 'src/cli/index.ts' },
    esbuildOptions: (options) => {
      options.chunkNames = 'cli/[name]-[hash]';
    },
  },
  // the types of both formats at once: the program is read once
  {
    ...common,
    format: ['esm', 'cjs'],
    entry: library,
    // tsup sets baseUrl, which TypeScript 6 deprecates
    dts: { only: true, compilerOptions: { ignoreDeprecations: '6.0' } },
  },
]);
