import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Context, type FaultCase, type Outcome, sum } from '../case.js';
import { exited } from '../processes.js';
import { runProgram } from '../program.js';

interface Burst {
  readonly name: string;
  readonly processes: number;
  readonly records: number;
  readonly start: (folder: Folder, index: number) => ChildProcess;
}

interface Folder {
  readonly shards: string;
  readonly acknowledgements: string;
}

async function runBurst(context: Context, { name, processes, records, start }: Burst): Promise<Outcome> {
  const folder = {
    shards: join(context.directory, name, 'shards'),
    acknowledgements: join(context.directory, name, 'acknowledgements'),
  };
  for (const path of Object.values(folder)) mkdirSync(path, { recursive: true });
  const count = Math.ceil(processes * context.scale);
  const children = Array.from({ length: count }, (_, index) => start(folder, index));
  // Those that wait for each other begin together.
  for (const child of children) child.stdin?.write('go\n');
  await Promise.all(children.map(exited));
  const failed = children.filter(({ exitCode }) => exitCode !== 0).length;
  const outcome = await runProgram(context, 'audit.ts', {
    stored: [folder.shards],
    acknowledgements: folder.acknowledgements,
    kills: 0,
    records: count * records,
  });
  const failures = outcome.failures.map((failure) => `${name}: ${failure}`);
  if (failed > 0) failures.push(`${name}: ${failed} processes failed`);
  return { ...outcome, failures };
}

async function run(context: Context): Promise<Outcome> {
  const library = resolve('src/shell/cfn-metrics.sh');
  const program = resolve('test/faults/programs/writer.sh');
  const bundle = await context.bundle('writer.ts');
  // As many agents a shard as in the whole case.
  const shards = Math.max(1, Math.round(16 * context.scale));
  const bash =
    (records: number): Burst['start'] =>
    ({ shards: directory, acknowledgements }, index) => {
      const env = { ...process.env, CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: `${shards}` };
      const writer = `bash-${index}`;
      const args = [
        program,
        library,
        `${index}`,
        writer,
        join(acknowledgements, writer),
        '1',
        '0',
        `${records}`,
      ];
      return context.spawn('bash', args, { stdio: ['pipe', 'ignore', 'inherit'], env });
    };
  const node: Burst['start'] = ({ shards: directory, acknowledgements }, index) => {
    const writer = `node-${index}`;
    const settings = {
      directory,
      shards,
      agent: index,
      writer,
      acknowledgements: join(acknowledgements, writer),
      seed: context.seed + index,
      burst: 1000,
      pauseMs: 0,
      records: 1000,
      longest: 300,
      gate: true,
    };
    return context.spawn(process.execPath, [bundle, JSON.stringify(settings)], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
  };
  const outcomes = [];
  for (const burst of [
    { name: '100 bash x 1', processes: 100, records: 1, start: bash(1) },
    { name: '500 bash x 20', processes: 500, records: 20, start: bash(20) },
    { name: '50 Node x 1000', processes: 50, records: 1000, start: node },
  ]) {
    outcomes.push(await runBurst(context, burst));
  }
  return { ...sum(outcomes), note: '100 bash x 1, 500 bash x 20, 50 Node x 1,000' };
}

/** Many agents emit at once: nothing is refused or dropped, and every record is there once. */
export const bursts: FaultCase = {
  name: 'bursts',
  mutants: ['exclusive lock with drop'],
  run,
};
