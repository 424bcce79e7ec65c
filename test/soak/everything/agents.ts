// A process that many agents share, who come and go. Arguments: directory, file of counts, first agent, how many, what its
// generations begin with. A line of the file says of one life of an agent how many of its records were acknowledged; the
// last line of a life counts.
import { appendFileSync } from 'node:fs';
import { createEmitter, type Emitter } from '../../../src/store/emitter.js';
import { LIFE } from './life.js';

/** Every agent stores a numbered record about this often… */
const EVERY_MS = 2000;
/** …and with every fifth of them what the rules out of the box are about. */
const GAUGES_EVERY = 5;
const TICK_MS = 50;
const LIFE_MS = [60_000, 300_000] as const;

const [directory = '', counts = '', first = '', count = '', base = ''] = process.argv.slice(2);

interface Agent {
  readonly name: string;
  emitter: Emitter;
  generation: number;
  next: number;
  dueAt: number;
  endsAt: number;
}

function between([from, to]: readonly [number, number]): number {
  return from + Math.random() * (to - from);
}

function born(name: string, generation: number): Agent {
  const now = performance.now();
  const emitter = createEmitter({ agent: name, directory });
  return {
    name,
    emitter,
    generation,
    next: 0,
    dueAt: now + Math.random() * EVERY_MS,
    endsAt: now + between(LIFE_MS),
  };
}

const agents = Array.from({ length: Number(count) }, (_, i) =>
  born(`agent-${Number(first) + i}`, Number(base)),
);

const timer = setInterval(() => {
  const now = performance.now();
  let acknowledged = '';
  for (const agent of agents) {
    if (agent.dueAt <= now) acknowledged += emit(agent, now);
    if (agent.endsAt <= now) {
      void agent.emitter.close();
      Object.assign(agent, born(agent.name, agent.generation + 1));
    }
  }
  if (acknowledged !== '') appendFileSync(counts, acknowledged);
}, TICK_MS);

function emit(agent: Agent, now: number): string {
  const { name, emitter, generation, next } = agent;
  agent.dueAt = now + EVERY_MS * (0.5 + Math.random());
  if (next % GAUGES_EVERY === 0) {
    emitter.emit('coordination_time_ms', 2000 + 1000 * Math.random(), { unit: 'ms' });
    emitter.emit('message_delivery_rate', 0.95 + 0.05 * Math.random());
    emitter.emit('memory_usage_mb', 100 + 50 * Math.random(), { unit: 'MB' });
    emitter.emit('tasks', 1, { type: 'counter' });
  }
  // One that is refused keeps its number, and is emitted again.
  if (!emitter.emit('soak', generation * LIFE + next)) return '';
  agent.next += 1;
  return `${name} ${generation} ${agent.next}\n`;
}

process.once('SIGTERM', () => {
  clearInterval(timer);
  for (const { emitter } of agents) void emitter.close();
});
