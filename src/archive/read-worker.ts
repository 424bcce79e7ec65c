// A thread that reads parts of files. It must not load fs-ext, which does not bear a second thread.
import { parentPort } from 'node:worker_threads';
import type { RecordSeries } from '../points.js';
import { ChunkReader } from '../store/chunks.js';
import { ColumnSink } from '../store/columns.js';
import { LineDecoder } from '../store/lines.js';
import type { ReadAnswer, ReadJob } from './read-thread.js';

/** So many series have a number; then numbering starts anew, so that memory stays bounded. */
const MOST_SERIES = 65_536;

/** A series, with the number that it was given last. */
type Numbered = RecordSeries & { number?: number };

// One for all parts: what was understood of a series' lines in one file helps with those in the next.
const decoder = new LineDecoder();
/** What is numbered anew begins with this one. */
let first = 0;
let next = 0;
let fresh: RecordSeries[] = [];

/** With the number in the series itself, for a map of them would be a fourteenth of all the time that a day takes. */
function numberOf(series: Numbered): number {
  let { number } = series;
  if (number === undefined || number < first) {
    number = next++;
    series.number = number;
    fresh.push(series);
  }
  return number - first;
}

function read({ extent, range }: ReadJob): ReadAnswer {
  const anew = next - first >= MOST_SERIES;
  if (anew) first = next;
  fresh = [];
  const { counts } = decoder;
  const before = { ...counts };
  const sink = new ColumnSink(numberOf);
  let bytes = 0;
  let error: string | undefined;
  try {
    const reader = new ChunkReader(extent, range, decoder);
    for (let lines = reader.next(sink); lines !== undefined; lines = reader.next(sink)) bytes += lines.length;
  } catch (cause) {
    error = (cause as NodeJS.ErrnoException).code ?? String(cause);
  }
  return {
    columns: sink.columns,
    anew,
    fresh,
    records: counts.records - before.records,
    torn: counts.torn - before.torn,
    foreign: counts.foreign - before.foreign,
    bytes,
    over: decoder.lastTime - range.latenessMs > range.until,
    error,
  };
}

parentPort?.on('message', (job: ReadJob) => {
  const answer = read(job);
  const { series, times, values } = answer.columns;
  parentPort?.postMessage(answer, [series.buffer, times.buffer, values.buffer] as ArrayBuffer[]);
});
