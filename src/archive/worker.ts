// The thread that compresses: what it takes is at nobody's expense. It must not load fs-ext, which does not bear a
// second thread.
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { summarise } from './compress.js';
import { pack } from './pack.js';
import type { Answer, Job } from './thread.js';

/** Whatever else wants the processor goes first. */
const NICENESS = 10;

async function work(job: Job): Promise<Answer> {
  try {
    if (job.kind === 'pack') return { result: await pack(job) };
    return { result: await summarise(job.path, job.size, true) };
  } catch (error) {
    // An error loses everything but its text on its way to another thread.
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    return { error: { message, code, errno, syscall, path } };
  }
}

try {
  // Elsewhere that would be the whole process.
  if (process.platform === 'linux') setPriority(NICENESS);
} catch {
  // Then it is as important as everything else.
}
parentPort?.on('message', (job: Job) => {
  void work(job).then((answer) => parentPort?.postMessage(answer));
});
