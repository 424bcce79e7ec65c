import { defineConfig, type Options } from 'tsup';

/** What users import. Each is built as ESM and as CommonJS, with types of its own for each. */
const library = {
  index: 'src/index.ts',
  'otel/index': 'src/otel/index.ts',
  'otel/register': 'src/otel/register.ts',
  'analyze/index': 'src/analyze/index.ts',
};

const common: Options = {
  target: 'node20',
  platform: 'node',
  sourcemap: true,
  // without it each CommonJS entry would carry its own copy of every class
  splitting: true,
  // optional, so it stays a package: whoever has no YAML file never loads it
  external: ['yaml'],
  // scripts/build.mjs builds into an empty folder and swaps it in when everything succeeded
  clean: false,
};

export default defineConfig([
  // the command line is ESM only, and shares its chunks with the library
  { ...common, format: 'esm', entry: { ...library, 'cli/index': 'src/cli/index.ts' } },
  // CommonJS has no import.meta.url: the shim gives it one
  { ...common, format: 'cjs', entry: library, shims: true },
  // the types of both formats at once: the program is read once
  {
    ...common,
    format: ['esm', 'cjs'],
    entry: library,
    // tsup sets baseUrl, which TypeScript 6 deprecates
    dts: { only: true, compilerOptions: { ignoreDeprecations: '6.0' } },
  },
]);
