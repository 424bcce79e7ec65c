// CommonJS from ES modules that esbuild has split into chunks, which it does not do by itself. tsup has it done by sucrase,
// which takes `?.` and `??` apart for ever: an array for each of them, in loops over every record.
import { transform } from 'esbuild';

/** For tsup, with `format: 'esm'` and files named `.cjs`. */
export function commonJs() {
  return {
    name: 'common-js',
    async renderChunk(code, { type, map }) {
      if (type !== 'chunk') return undefined;
      return transform(`${code}\n//# sourceMappingURL=data:application/json,${encodeURIComponent(map)}`, {
        ...{ format: 'cjs', platform: 'node', target: 'node20', supported: { 'dynamic-import': false } },
        // which CommonJS does not have
        define: { 'import.meta.url': 'importMetaUrl' },
        banner: code.includes('import.meta.url')
          ? 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;'
          : '',
        sourcemap: 'external',
      });
    },
  };
}
