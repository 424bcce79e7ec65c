import fc from 'fast-check';
import { formatRecord, type MetricRecord, START_TEXT } from '../../../src/record.js';
import { LineDecoder } from '../../../src/store/lines.js';
import { anyRecord } from '../../support/arbitrary.js';
import type { Outcome } from '../case.js';
import { Random } from '../random.js';

const { seed, cuts, oneIsEnough } = JSON.parse(process.argv[2] ?? '{}') as {
  seed: number;
  cuts: number;
  oneIsEnough: boolean;
};
// Half of the time would go into stack traces of JSON.parse.
Error.stackTraceLimit = 0;
const random = new Random(seed);
const decoder = new LineDecoder();
const failures: string[] = [];
let tried = 0;
let lost = 0;
let phantoms = 0;

/** Decodes what is left of one or two records, and whole ones behind it. */
function attempt(left: Buffer, torn: Buffer, whole: readonly Buffer[]): void {
  tried += 1;
  const { torn: tornBefore, foreign: foreignBefore } = decoder.counts;
  const records: MetricRecord[] = [];
  const bytes = Buffer.concat([left, torn, ...whole]);
  const done = decoder.decode(bytes, false, records);
  const read = records.map(formatRecord);
  const wanted = whole.map(String);
  if (read.join('') !== wanted.join('')) {
    lost += wanted.filter((line) => !read.includes(line)).length;
    phantoms += read.filter((line) => !wanted.includes(line)).length;
    failures.push(`read ${read.join('')} of ${bytes.toString()}`);
  }
  const counted = decoder.counts.torn - tornBefore + (decoder.counts.foreign - foreignBefore);
  const pieces = Number(left.length > 0) + Number(torn.length > 0);
  // The first bytes of a start text vanish in the torn record before them.
  const least = Math.min(pieces, 1) + Number(left.length > 0 && torn.length >= START_TEXT.length);
  if (done !== bytes.length) failures.push(`${bytes.length - done} bytes were left of ${bytes.toString()}`);
  if (counted < least || counted > pieces) failures.push(`${counted} torn of ${pieces}: ${bytes.toString()}`);
}

/** While a line has no end, nothing of it is taken. */
function attemptUnfinished(left: Buffer): void {
  const records: MetricRecord[] = [];
  const done = decoder.decode(left, false, records);
  phantoms += records.length;
  if (done !== 0) failures.push(`${done} bytes were taken of the unfinished ${left.toString()}`);
}

/** All places at which a kill can cut a record, the newline missing at least. */
function* cutsOf(line: Buffer): Generator<Buffer> {
  for (let end = 1; end < line.length; end += 1) yield line.subarray(0, end);
}

for (let batch = 0; tried < cuts && !(oneIsEnough && failures.length > 0); batch += 1) {
  const lines = fc
    .sample(anyRecord, { seed: seed + batch, numRuns: oneIsEnough ? 4 : 40 })
    .map((record) => Buffer.from(formatRecord(record)));
  for (const line of lines) {
    const glued = random.pick(lines);
    const other = random.pick(lines);
    const none = other.subarray(0, 0);
    for (const left of cutsOf(line)) {
      const whole = random.next() < 0.1 ? [glued, random.pick(lines)] : [glued];
      attemptUnfinished(left);
      attempt(none, left, whole);
      attempt(left, other.subarray(0, random.between(1, other.length - 1)), whole);
    }
  }
}

const outcome: Outcome = {
  records: tried,
  kills: 0,
  lost,
  duplicated: phantoms,
  torn: decoder.counts.torn,
  failures: failures.slice(0, 10),
  note: 'records are cut offsets',
};
process.stdout.write(JSON.stringify(outcome));
