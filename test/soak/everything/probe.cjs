// Preloaded into up and its companions: has all garbage collected every half minute, and V8 give back the pages that it does not
// need, and writes then how many bytes are in use, how many the process has written to outside of V8's heap, and how many in
// all. What only waits to be collected makes a young process look as if it leaked, and the room that V8 keeps for itself goes
// up and down by more than a leak of days.
'use strict';
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Session } = require('node:inspector');
const { join } = require('node:path');
const { getHeapStatistics } = require('node:v8');

const directory = process.env.SOAK_PROBE;
if (directory && process.argv[1]?.endsWith('index.cjs')) {
  const session = new Session();
  session.connect();
  const measured = join(directory, String(process.pid));
  setInterval(() => {
    // V8's answer to a shortage of memory, where `gc()` leaves half-empty pages as they are.
    session.post('HeapProfiler.collectGarbage', () => {
      const { heapUsed, external } = process.memoryUsage();
      const written = Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
      const outside = written - getHeapStatistics().total_physical_size;
      writeFileSync(`${measured}.new`, `${heapUsed + external} ${outside} ${written}`);
      renameSync(`${measured}.new`, measured);
    });
  }, 30_000).unref();
}
