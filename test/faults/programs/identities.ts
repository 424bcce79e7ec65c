// Counts in worker threads, in cluster workers and in forked children, all as the same agent and with the same
// environment. Arguments: directory, how many to count.
import { fork } from 'node:child_process';
import cluster from 'node:cluster';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { once } from 'node:events';
import { startMetrics } from '../../../src/otel/index.js';
import { createEmitter } from '../../../src/store/emitter.js';

const EACH = 3;
const [directory = '', count = '', role = 'primary'] = process.argv.slice(2);

/** Two streams of one series each, side by side: an emitter's and an exporter's. */
async function work(): Promise<void> {
  const emitter = createEmitter({ agent: 'shared', directory });
  const emitted = emitter.counter('emitted');
  const handle = startMetrics({ agent: 'shared', directory, flushOnSignal: false });
  const measured = handle.getMeter('identities').createCounter('measured');
  for (let i = 0; i < Number(count); i += 1) {
    emitted.add(1);
    measured.add(1);
    // exports meet those of the others
    if (i % 10 === 0) await handle.forceFlush();
  }
  await handle.shutdown();
  await emitter.close();
}

if (!isMainThread) {
  await work();
} else if (role !== 'primary') {
  await work();
  if (cluster.isWorker) cluster.worker?.disconnect();
} else {
  const file = process.argv[1] ?? '';
  const own = [directory, count];
  const everybody: Promise<unknown>[] = [];
  for (let i = 0; i < EACH; i += 1) {
    everybody.push(once(new Worker(file, { argv: own, workerData }), 'exit'));
    everybody.push(once(fork(file, [...own, 'child']), 'exit'));
    cluster.setupPrimary({ exec: file, args: [...own, 'cluster'] });
    everybody.push(once(cluster.fork(), 'exit'));
  }
  // and itself
  everybody.push(work());
  await Promise.all(everybody);
}
