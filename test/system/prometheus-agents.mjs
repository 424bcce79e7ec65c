// Some of the simulated agents that Prometheus watches: they work, idle, restart and die, each in its own way, and at
// the end say what they counted. Arguments: first id, number of agents, milliseconds to run.
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { setTimeout as delay } from 'node:timers/promises';
import { createEmitter } from '../../dist/index.js';
import { ShardMetricExporter } from '../../dist/otel/index.js';

const [first, agents, runMs] = process.argv.slice(2).map(Number);
const TICK_MS = 500;
const ticks = Math.floor(runMs / TICK_MS);
/** From here on nobody dies, so that there is time to see the gauges of the dead vanish. */
const LAST_DEATH_TICK = Math.floor(ticks * 0.6);

/** An agent that uses an emitter: deltas, each stored before the call returns. */
class EmittingAgent {
  constructor(id) {
    this.emitter = createEmitter({ agent: id });
  }
  work(tasks) {
    this.emitter.emit('tasks', tasks, { type: 'counter' });
    return { tasks, works: 0, sum: 0 };
  }
  gauge(name, value, unit) {
    this.emitter.emit(name, value, { unit });
  }
  end() {
    return this.emitter.close();
  }
}

/** An agent that uses OpenTelemetry meters, with deltas or with totals. */
class MeteringAgent {
  constructor(id, temporality, histogramAggregation) {
    const exporter = new ShardMetricExporter({ agent: id, temporality, histogramAggregation });
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2000 });
    this.provider = new MeterProvider({ readers: [reader] });
    const meter = this.provider.getMeter('agents');
    this.tasks = meter.createCounter('tasks');
    this.sizes = meter.createHistogram('work', { unit: 'By' });
    this.gauges = new Map();
    this.meter = meter;
  }
  work(tasks) {
    this.tasks.add(tasks);
    const size = 1 + Math.floor(Math.random() * 5000);
    this.sizes.record(size);
    return { tasks, works: 1, sum: size };
  }
  gauge(name, value, unit) {
    if (!this.gauges.has(name)) this.gauges.set(name, this.meter.createGauge(name, { unit }));
    this.gauges.get(name).record(value);
  }
  end() {
    return this.provider.shutdown();
  }
}

function begin(id) {
  if (id % 5 === 1) return new MeteringAgent(id, 'lowmemory', 'base2_exponential_bucket_histogram');
  if (id % 5 === 2) return new MeteringAgent(id, 'cumulative', 'explicit_bucket_histogram');
  if (id % 5 === 3) return new MeteringAgent(id, 'cumulative', 'base2_exponential_bucket_histogram');
  return new EmittingAgent(id);
}

const fleet = Array.from({ length: agents }, (_, i) => {
  const id = first + i;
  return {
    ...{ id, running: begin(id), idleUntil: 0, restarts: 0, tasks: 0, works: 0, sum: 0, diedAt: null },
    // a fifth of them dies; the first few stay, and break every rule there is
    diesAtTick:
      id >= 10 && id % 5 === Math.floor(id / 5) % 5 ? 20 + ((id * 7) % (LAST_DEATH_TICK - 20)) : Infinity,
  };
});

for (let tick = 0; tick < ticks; tick += 1) {
  const startedAt = performance.now();
  for (const agent of fleet) {
    if (agent.diedAt !== null) continue;
    if (tick >= agent.diesAtTick) {
      await agent.running.end();
      agent.diedAt = Date.now();
      continue;
    }
    if (tick < agent.idleUntil) continue;
    // Not before each has stored its gauges once: it may die while it idles.
    if (agent.id >= 10 && tick >= 8 && Math.random() < 0.01)
      agent.idleUntil = tick + 30 + Math.floor(Math.random() * 50);
    if (Math.random() < 0.02) {
      await agent.running.end();
      agent.running = begin(agent.id);
      agent.restarts += 1;
    }
    const done = agent.running.work(1 + Math.floor(Math.random() * 9));
    for (const [key, amount] of Object.entries(done)) agent[key] += amount;
    if (tick % 4 !== agent.id % 4) continue;
    const bad = agent.id < 4;
    agent.running.gauge('coordination_time_ms', bad ? 12_000 : 10 * (agent.id % 100), 'ms');
    agent.running.gauge('message_delivery_rate', bad ? 0.5 : 0.99);
    agent.running.gauge('memory_usage_mb', bad ? 1500 : 50 + (agent.id % 100), 'MB');
  }
  await delay(Math.max(0, TICK_MS - (performance.now() - startedAt)));
}
for (const agent of fleet) if (agent.diedAt === null) await agent.running.end();
const counted = fleet.map(({ id, restarts, tasks, works, sum, diedAt }) => ({
  id,
  restarts,
  tasks,
  works,
  sum,
  diedAt,
}));
console.log(JSON.stringify(counted));
