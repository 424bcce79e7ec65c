import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readRecords } from '../../../src/store/reader.js';
import type { Context, FaultCase } from '../case.js';
import { exited } from '../processes.js';

const ENDINGS = [
  'natural',
  'one second',
  'process.exit',
  'process.exit in async',
  'process.exit in a timer',
  'process.exitCode',
  'uncaught exception',
  'uncaught in a timer',
  'unhandled rejection',
  'SIGTERM',
  'SIGINT',
  'SIGTERM with a handler',
  'SIGTERM with a slow handler',
  'SIGINT ignored',
];
/** What the program measures: a total and how often, by metric. */
const EXPECTED = { counted: 15, timed: 10, observed: 7, observed_later: 70 };
/**
 * Where only what was observed synchronously is promised: Node runs no promise from within one, and the top level of a
 * module is one.
 */
const FROM_A_PROMISE = ['process.exit', 'process.exit in async', 'uncaught exception'];
/** Enough to catch a mutant. */
const FEW_ENDINGS = ['natural', 'process.exit', 'SIGTERM'];
/** Endings at a time. */
const AT_ONCE = 2;
const KILLS = 20;

/** However an agent ends, its last values are stored, and it ends as it would have. */
export const exits: FaultCase = {
  name: 'endings',
  mutants: ['nothing on exit', 'a signal becomes an exit', 'acknowledged before it is stored'],
  async run(context) {
    const failures: string[] = [];
    const endings = context.scale < 1 ? FEW_ENDINGS : ENDINGS;
    const queue = [...endings];
    const worker = async (): Promise<void> => {
      for (let ending = queue.shift(); ending !== undefined; ending = queue.shift()) {
        failures.push(...(await endOneWay(context, ending)));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const kills = Math.max(2, Math.round(KILLS * context.scale));
    let records = endings.length;
    let lost = 0;
    for (let i = 0; i < kills; i += 1) {
      const killed = await killImmediate(context, i);
      records += killed.acknowledged;
      lost += killed.lost;
    }
    return {
      ...{ records, kills, lost, duplicated: 0, torn: 0, failures },
      note: `${endings.length} ways to end, and SIGKILL`,
    };
  },
};

async function endOneWay(context: Context, ending: string): Promise<string[]> {
  const program = await context.bundle('exits.ts');
  const directory = join(context.directory, ending.replaceAll(' ', '-'));
  mkdirSync(directory);
  const [measured, control] = await Promise.all(
    [directory, ''].map(async (argument) => {
      const child = context.spawn(process.execPath, [program, argument, ending], { stdio: 'ignore' });
      await exited(child);
      return `exit code ${child.exitCode}, signal ${child.signalCode}`;
    }),
  );
  const failures = measured === control ? [] : [`${ending}: ends with ${measured}, not ${control}`];
  const totals = readTotals(directory);
  for (const [metric, wanted] of Object.entries(EXPECTED)) {
    if (metric === 'observed_later' && FROM_A_PROMISE.includes(ending)) continue;
    const found = totals.get(metric) ?? 0;
    if (found !== wanted) failures.push(`${ending}: ${metric} is ${found}, not ${wanted}`);
  }
  return failures;
}

/** Deltas added up; of gauges and totals the last. */
function readTotals(directory: string): Map<string, number> {
  const totals = new Map<string, number>();
  for (const record of readRecords({ directory })) {
    const { metric, type, temporality, value, count } = record as { count?: number } & typeof record;
    const delta = (type === 'counter' && temporality === undefined) || count !== undefined;
    totals.set(metric, (delta ? (totals.get(metric) ?? 0) : 0) + (count ?? value));
  }
  return totals;
}

async function killImmediate(
  context: Context,
  index: number,
): Promise<{ acknowledged: number; lost: number }> {
  const program = await context.bundle('immediate.ts');
  const directory = join(context.directory, `killed-${index}`);
  mkdirSync(directory);
  const child = context.spawn(process.execPath, [program, directory], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  let chunks = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    chunks += 1;
    if (chunks > 3 + index) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const acknowledged = output.split('\n').slice(0, -1).map(Number);
  const stored = new Set([...readRecords({ directory })].map(({ value }) => value));
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((number) => !stored.has(number)).length,
  };
}
