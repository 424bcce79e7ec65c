// A worker as text within the module that starts it: there is no second file to be found, whether the library runs as ESM
// or CommonJS, in the command's one file, in a bundle of somebody else, or from source in a test.
import { build } from 'esbuild';

/** `worker-script.ts` is the text of `worker.ts` beside it. */
const MODULE = /\/src\/archive\/(?:read-)?worker-script\.ts$/;

async function textOf(path, plugins) {
  const { outputFiles } = await build({
    entryPoints: [path.replace(/-script\.ts$/, '.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    minify: true,
    write: false,
    plugins: [...plugins],
  });
  return `export const workerScript = ${JSON.stringify(outputFiles[0].text)};`;
}

/** For esbuild, and so for tsup; `plugins` are for the worker itself. */
export function workerScript(plugins = []) {
  return {
    name: 'worker-script',
    setup({ onLoad }) {
      onLoad({ filter: MODULE }, async ({ path }) => ({
        contents: await textOf(path, plugins),
        loader: 'js',
      }));
    },
  };
}

/** For vite, and so for vitest. */
export function viteWorkerScript() {
  return {
    name: 'worker-script',
    load: (id) => (MODULE.test(id) ? textOf(id, []) : undefined),
  };
}
