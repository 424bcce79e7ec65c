import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { storedRecords } from '../support/files.js';
import { temporaryDirectory } from '../support/directory.js';

// fs-ext in more than one thread of a process ended it with SIGSEGV, about every third time.

const ROOT = join(import.meta.dirname, '../..');
const THREADS = 4;
const RECORDS = 200;

it('the native lock is loaded in the main thread only, and worker threads store what they emit', () => {
  const directory = temporaryDirectory();
  const emit = `
    const { createEmitter } = require('cfn-metrics');
    const { threadId } = require('node:worker_threads');
    const emitter = createEmitter({ agent: 'thread-' + threadId, directory: ${JSON.stringify(directory)} });
    for (let i = 0; i < ${RECORDS}; i++) emitter.emit('m', i);
    const loaded = Object.keys(require.cache).some((path) => path.endsWith('fs_ext.node'));`;
  const program = `${emit}
    const { Worker } = require('node:worker_threads');
    const code = ${JSON.stringify(`${emit} console.log(loaded);`)};
    for (let i = 0; i < ${THREADS}; i++) new Worker(code, { eval: true });`;
  const output = execFileSync(process.execPath, ['-e', program], { cwd: ROOT, encoding: 'utf8' });
  expect(output).toBe('false\n'.repeat(THREADS));
  expect(storedRecords(directory)).toHaveLength((THREADS + 1) * RECORDS);
});
