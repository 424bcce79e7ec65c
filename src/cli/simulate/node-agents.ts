import { createHash } from 'node:crypto';
import { createEmitter } from '../../store/emitter.js';
import type { Gauge } from '../../store/emitter-options.js';
import { splitLines } from './lines.js';
import { METRICS } from './options.js';

/** What a process of agents is told by its argument. */
export interface NodeAgents {
  readonly first: number;
  readonly count: number;
  readonly taskMs: number;
  /** Marks the records of this simulation; undefined where there are no metrics. */
  readonly run: string | undefined;
}

/** The argument that makes the command a process of agents; it is for this command alone, and so not documented. */
export const AGENTS_ARGUMENT = '--as-node-agents';

const TASK_BYTES = 65_536;
const HASH_BYTES = 4096;

/** An agent in TypeScript, with an emitter of its own, as it would have in a process of its own. */
interface Agent {
  readonly gauges: readonly Gauge[];
  received: number;
  /** The memory of its task, kept until the next one. */
  memory: Buffer | undefined;
}

/**
 * Runs agents until stdin ends, which it does when the coordinator does, whatever becomes of that.
 *
 * @remarks
 * The lines are those of `simulate-agent.sh`; and to `cpu` it answers with `cpu`, the microseconds that this process had
 * of the processor, and those of them that went into emissions.
 */
export async function runNodeAgents(argument: string): Promise<number> {
  const agents = new Agents(JSON.parse(argument) as NodeAgents);
  process.stdout.on('error', () => process.exit());
  process.stdout.write('ready\n');
  for await (const lines of splitLines(process.stdin)) {
    for (const line of lines) process.stdout.write(`${agents.answer(line)}\n`);
  }
  return 0;
}

class Agents {
  readonly #agents = new Map<number, Agent>();
  readonly #taskMs: number;
  /** Microseconds that emissions took of the processor. */
  #emissionUs = 0;

  constructor({ first, count, taskMs, run }: NodeAgents) {
    this.#taskMs = taskMs;
    for (let number = first; number < first + count; number += 1) {
      this.#agents.set(number, makeAgent(number, run));
    }
  }

  answer(line: string): string {
    if (line === 'cpu') return `cpu ${processorUs()} ${this.#emissionUs}`;
    const [number = NaN, round = NaN, reports = 0, last = 0] = line.split(' ').map(Number);
    const agent = this.#agents.get(number)!;
    agent.received += 1;
    if (this.#taskMs > 0) agent.memory = task(agent.received, this.#taskMs);
    const said: (number | string)[] = [number, round, 0];
    let stored = 0;
    for (let report = 0; report < reports; report += 1) {
      stored += this.#report(
        agent,
        [last, agent.received / (round + 1), process.memoryUsage.rss() / 1e6],
        said,
      );
    }
    said[2] = stored;
    return said.join(' ');
  }

  /** Emits the metrics of an agent, and says of each how many microseconds it took; returns how many were stored. */
  #report({ gauges }: Agent, values: readonly number[], said: (number | string)[]): number {
    let stored = 0;
    const begin = processorUs();
    for (const [i, gauge] of gauges.entries()) {
      const start = performance.now();
      if (gauge.record(values[i]!)) stored += 1;
      said.push(((performance.now() - start) * 1000).toFixed(1));
    }
    this.#emissionUs += processorUs() - begin;
    return stored;
  }
}

function makeAgent(agent: number, run: string | undefined): Agent {
  if (run === undefined) return { gauges: [], received: 0, memory: undefined };
  const emitter = createEmitter({ agent });
  const attributes = { run };
  const units = ['ms', '1', 'MB'];
  const gauges = METRICS.map((metric, i) => emitter.gauge(metric, { unit: units[i], attributes }));
  return { gauges, received: 0, memory: undefined };
}

/** Uses the processor for a while, and some memory. */
function task(number: number, ms: number): Buffer {
  const memory = Buffer.alloc(TASK_BYTES, number);
  const end = processorUs() + ms * 1000;
  const hash = createHash('sha256');
  for (let offset = 0; processorUs() < end; offset = (offset + HASH_BYTES) % TASK_BYTES) {
    hash.update(memory.subarray(offset, offset + HASH_BYTES));
  }
  hash.digest().copy(memory);
  return memory;
}

/** Microseconds that this process has had of the processor, all of its threads together. */
function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
