/** read-worker.ts and all that it imports, as the text of one script. scripts/worker-script.mjs puts it in. */
export const workerScript: string = '';
