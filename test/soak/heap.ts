/** How often the heap is measured. */
const EVERY_MS = 10_000;

/**
 * Prints, again and again, how many bytes of heap are in use after a garbage collection: memory that is only waiting to
 * be collected makes a young process look as if it leaked. Needs `--expose-gc`.
 */
export function reportHeap(): void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start it with --expose-gc');
  setInterval(() => {
    gc();
    process.stdout.write(`${JSON.stringify({ heap: process.memoryUsage().heapUsed })}\n`);
  }, EVERY_MS).unref();
}
