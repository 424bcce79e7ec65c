import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Outcome } from '../case.js';
import { Follower, Shards } from '../tail-model.js';

interface Settings {
  readonly seed: number;
  readonly runs: number;
  /** Whether files are closed after each look, so that one without a name cannot be read. */
  readonly closed: boolean;
}

const { seed, runs, closed } = JSON.parse(process.argv[2] ?? '{}') as Settings;
const base = process.env['CFN_FAULTS_RUN'] ?? '/dev/shm';

/** What can happen, each as a function of what it happens to and of what chance decides. */
type Step = (shards: Shards, follower: Follower) => void;

const file = fc.nat({ max: 20 });
const shard = fc.nat({ max: 1 });
const length = fc.nat({ max: 900 });
const part = fc.nat({ max: 99 }).map((percent) => percent / 100);

function step<T extends readonly unknown[]>(
  name: string,
  choices: { [K in keyof T]: fc.Arbitrary<T[K]> },
  run: (shards: Shards, follower: Follower, ...chosen: T) => void,
): fc.Arbitrary<{ readonly name: string; readonly run: Step }> {
  return fc.tuple<unknown[]>(...choices).map((chosen) => ({
    name: `${name}(${chosen.join(', ')})`,
    run: (shards, follower) => run(shards, follower, ...(chosen as unknown as T)),
  }));
}

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step<[number, number]>('write', [shard, length], (s, _, n, l) => s.write(n, l)) },
    {
      weight: 2,
      arbitrary: step<[number, number, number]>('begin', [shard, length, part], (s, _, n, l, p) =>
        s.beginWrite(n, l, p),
      ),
    },
    { weight: 2, arbitrary: step<[number]>('end', [shard], (s, _, n) => s.endWrite(n)) },
    { weight: 2, arbitrary: step<[number]>('link', [shard], (s, _, n) => s.link(n)) },
    { weight: 3, arbitrary: step<[number]>('seal', [shard], (s, _, n) => s.seal(n)) },
    {
      weight: 2,
      arbitrary: step<[number, number]>('late', [file, length], (s, _, f, l) => s.writeLate(f, l)),
    },
    { weight: 2, arbitrary: step<[number]>('delete', [file], (s, f, n) => s.delete(n, f, closed)) },
    { weight: 6, arbitrary: step<[]>('poll', [], (_, f) => f.poll(Infinity)) },
    { weight: 2, arbitrary: step<[number]>('poll', [fc.nat({ max: 3 })], (_, f, n) => f.poll(n)) },
    { weight: 3, arbitrary: step<[]>('save', [], (_, f) => f.save()) },
    { weight: 2, arbitrary: step<[]>('restart', [], (_, f) => f.restart()) },
  ),
  { minLength: 10, maxLength: 100 },
);

let records = 0;
let repeated = 0;

/** Runs one sequence; throws where tailer and model differ. */
function attempt(from: 'start' | 'end', sequence: readonly { readonly run: Step }[]): void {
  const directory = mkdtempSync(join(base, 'model-'));
  const shards = new Shards(directory);
  const follower = new Follower(directory, shards, from);
  try {
    shards.write(0, 10);
    follower.restart();
    for (const { run } of sequence) run(shards, follower);
    follower.poll(Infinity);
    records += follower.delivered;
    repeated += follower.repeated;
  } finally {
    follower.close();
    shards.close();
    rmSync(directory, { recursive: true });
  }
}

const failures: string[] = [];
const result = fc.check(
  fc.property(fc.constantFrom('start', 'end'), steps, (from, sequence) => attempt(from, sequence)),
  { seed, numRuns: runs, endOnFailure: true },
);
if (result.failed) {
  const [from, sequence] = result.counterexample ?? ['start', []];
  failures.push(
    `${String(result.errorInstance)} after ${sequence.map(({ name }) => name).join(' ')}, from ${from}`,
  );
}
const outcome: Outcome = {
  records,
  kills: 0,
  lost: 0,
  duplicated: 0,
  torn: 0,
  failures,
  note: `${repeated} repeated, as the model has it`,
};
process.stdout.write(JSON.stringify(outcome));
