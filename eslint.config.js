import { builtinModules } from 'node:module';
import eslint from '@eslint/js';
import tsdoc from 'eslint-plugin-tsdoc';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The layers: each folder of src, and the folders beside it that it may import (src/*.ts is open to all). */
const layers = {
  store: [],
  otel: ['store'],
  analyze: [],
  alert: ['store', 'analyze'],
  archive: ['store'],
  forward: ['store', 'otel', 'analyze'],
  prometheus: [],
  portal: ['store', 'analyze', 'alert'],
};

/** Where files are opened; everything else gets what it needs from there. */
const opensFiles = ['store', 'archive', 'alert', 'forward'];

const files = {
  regex: '^node:fs(/promises)?$',
  message: 'Files are opened in src/store, src/archive, src/alert and src/forward only.',
};
const openTelemetry = {
  regex: '^@opentelemetry/',
  message: 'OpenTelemetry belongs to src/otel and src/forward/otlp.',
};
const withoutPrefix = builtinModules
  .filter((name) => !name.startsWith('_'))
  .map((name) => ({ name, message: `Write node:${name}.` }));

/** One block of import rules. A later block replaces an earlier one, hence everything in each. */
function imports(patterns) {
  return { 'no-restricted-imports': ['error', { paths: withoutPrefix, patterns }] };
}

function layer([folder, allowed]) {
  const above = allowed.length === 0 ? '' : `(?!(${allowed.join('|')})/)`;
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: imports([
      {
        // from src/folder/x.ts, and from src/folder/sub/x.ts
        regex: `^(\\.\\./(?=[^.]+/)|\\.\\./\\.\\./)${above}[^./]+/`,
        message: `src/${folder} imports from src/*.ts${allowed.map((name) => `, src/${name}`).join('')} only.`,
      },
      { regex: '/cli/', message: 'Nobody imports the command line.' },
      ...(opensFiles.includes(folder) ? [] : [files]),
      ...(folder === 'otel' || folder === 'forward' ? [] : [openTelemetry]),
    ]),
  };
}

export default defineConfig(
  globalIgnores(['build/', 'coverage/', 'dist/', 'dist-*/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    rules: {
      eqeqeq: 'error',
      'object-shorthand': 'error',
      'prefer-template': 'error',
      ...imports([]),
    },
  },

  // TypeScript, with types
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-exports': 'error',
      // import('x') as a type is how a package that may be missing is described
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/prefer-nullish-coalescing': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // `_` is the step of an iteration that has no value
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, varsIgnorePattern: '^_$' }],

      // numbers and booleans say what they are in a message
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // with noUncheckedIndexedAccess, `!` is how a loop says that its bound is the proof
      '@typescript-eslint/no-non-null-assertion': 'off',
      // async without await is how a contract that returns a promise turns a throw into a rejection
      '@typescript-eslint/require-await': 'off',
    },
  },

  // the library
  {
    files: ['src/**/*.ts', 'adapters/**/*.ts'],
    plugins: { tsdoc },
    rules: {
      'tsdoc/syntax': 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        { selector: 'TSEnumDeclaration', message: 'Write a union of strings, from an `as const` array.' },
        { selector: 'TSModuleDeclaration[global!=true]', message: 'Modules are files.' },
      ],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Read in src/environment.ts, by register and by the command line.',
        },
        ...['exit', 'stdout', 'stdin'].map((property) => ({
          object: 'process',
          property,
          message: 'It belongs to the command line.',
        })),
      ],
    },
  },
  { files: ['src/environment.ts', 'src/otel/register.ts'], rules: { 'no-restricted-properties': 'off' } },
  // an empty environment variable means an unset one: what `||` says
  { files: ['src/environment.ts'], rules: { '@typescript-eslint/prefer-nullish-coalescing': 'off' } },
  { files: ['src/cli/**/*.ts'], rules: { 'no-restricted-properties': 'off', ...imports([openTelemetry]) } },

  // its layers
  {
    files: ['src/*.ts'],
    ignores: ['src/index.ts'],
    rules: imports([
      { regex: '^\\.\\.?/[^.]+/', message: 'src/*.ts is the lowest layer: it imports from itself only.' },
      files,
      openTelemetry,
    ]),
  },
  {
    files: ['src/index.ts'],
    rules: imports([{ regex: '/cli/', message: 'Nobody imports the command line.' }]),
  },
  ...Object.entries(layers).map(layer),
  {
    files: ['adapters/**/*.ts'],
    rules: imports([
      {
        regex: '^\\.\\./(?!\\.\\./src/((otel|store|analyze|alert|forward(/otlp)?|prometheus)/)?[^/]+$)',
        message:
          'An adapter imports from src/*.ts, src/otel, src/store, src/analyze, src/alert, src/forward and src/prometheus only, never another one.',
      },
      files,
    ]),
  },
  // OpenTelemetry is imported as types, so its enums' members are written as their numbers
  {
    files: ['src/otel/**/*.ts', 'adapters/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-enum-assignment': 'off' },
  },

  // what is read by people and run by hand: parsed JSON is `any` there, and that is fine
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', '*.config.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // a double stands in for an instance of a class
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    // run by Node as they are; TypeScript knows its globals, ESLint has to be told
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: Object.fromEntries(
        Object.keys(Object.getOwnPropertyDescriptors(globalThis)).map((name) => [name, 'readonly']),
      ),
    },
    rules: { 'no-redeclare': ['error', { builtinGlobals: false }] },
  },
);
