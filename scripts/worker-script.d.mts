import type { Plugin } from 'esbuild';

export function workerScript(plugins?: readonly Plugin[]): Plugin;
export function viteWorkerScript(): {
  name: string;
  load: (id: string) => Promise<string> | undefined;
};
