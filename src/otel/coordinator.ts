import type { Attributes, Meter, ObservableResult } from '@opentelemetry/api';
import { agentId } from '../record.js';
import { AGENT_ATTRIBUTE } from './point-attributes.js';

/**
 * What a coordinator reports of its agents. Made by {@link instrumentCoordinator}.
 *
 * @remarks
 * An agent is named as `42`, `'agent-42'` or `'coder-7a'`; what is no name counts for the agent of the meter's
 * exporter, whose `onError` hears of it. Numbers that are not finite are left out.
 *
 * @public
 */
export interface CoordinatorInstruments {
  /** An agent was started: the counter `agents_spawned`. */
  agentSpawned(agent: string | number): void;
  /** A message arrived, after so many milliseconds: the histogram `message_latency_ms`. */
  messageSent(agent: string | number, latencyMs: number): void;
  /** A message did not arrive; it lowers the gauge `message_delivery_rate`. */
  messageLost(agent: string | number): void;
  /**
   * A task ended: the histogram `task_duration_ms` in milliseconds, and the gauge `task_success_rate`, from 0 to 1, for
   * the part of it that succeeded.
   */
  taskCompleted(agent: string | number, durationMs: number, successRate: number): void;
  /**
   * Starts to measure how long something takes to coordinate.
   *
   * @returns A function that records the milliseconds since then in the histogram `coordination_time_ms`, and returns
   * them; called again, it does so again.
   */
  startTimer(agent: string | number): () => number;
  /** Ends the observation of memory and delivery rate; what was recorded stays. */
  stop(): void;
}

interface Messages {
  delivered: number;
  lost: number;
}

/** Agents whose messages are counted between two collections; those of further ones are not. */
const MAX_AGENTS = 10_000;

/**
 * Makes the instruments of a coordinator, with the names that the hooks for bash use.
 *
 * @remarks
 * Beside what the methods record it observes `memory_usage_mb`, the resident memory of this process in megabytes, and
 * `message_delivery_rate`, for each agent the part of its messages since the last collection that arrived: an agent
 * without any has none. A second reader of the same provider would share these messages with the first.
 *
 * @param meter - Any OpenTelemetry meter.
 * @returns What to call when something happens. Nothing of it throws.
 *
 * @public
 */
export function instrumentCoordinator(meter: Meter): CoordinatorInstruments {
  const spawned = meter.createCounter('agents_spawned', {
    unit: '{agent}',
    description: 'Agents that were started',
  });
  const latency = meter.createHistogram('message_latency_ms', {
    unit: 'ms',
    description: 'Time that messages took to arrive',
  });
  const duration = meter.createHistogram('task_duration_ms', {
    unit: 'ms',
    description: 'Time that tasks took',
  });
  const success = meter.createGauge('task_success_rate', {
    unit: '1',
    description: 'Part of the last task that succeeded',
  });
  const coordination = meter.createHistogram('coordination_time_ms', {
    unit: 'ms',
    description: 'Time that coordination took',
  });
  const deliveryRate = meter.createObservableGauge('message_delivery_rate', {
    unit: '1',
    description: 'Part of the messages since the last collection that arrived',
  });
  const memory = meter.createObservableGauge('memory_usage_mb', {
    unit: 'MB',
    description: 'Resident memory of the process',
  });

  const messages = new Map<string, Messages>();
  const count = (agent: string | number, kind: keyof Messages): void => {
    const id = agentId(agent);
    let ofAgent = messages.get(id);
    if (ofAgent === undefined) {
      if (messages.size >= MAX_AGENTS) return;
      messages.set(id, (ofAgent = { delivered: 0, lost: 0 }));
    }
    ofAgent[kind] += 1;
  };
  const observeRate = (result: ObservableResult): void => {
    for (const [agent, { delivered, lost }] of messages) {
      result.observe(delivered / (delivered + lost), attributesOf(agent));
    }
    messages.clear();
  };
  const observeMemory = (result: ObservableResult): void => {
    result.observe(process.memoryUsage.rss() / 1e6);
  };
  deliveryRate.addCallback(observeRate);
  memory.addCallback(observeMemory);

  return {
    agentSpawned: (agent) => {
      spawned.add(1, attributesOf(agent));
    },
    messageSent: (agent, latencyMs) => {
      count(agent, 'delivered');
      if (Number.isFinite(latencyMs)) latency.record(latencyMs, attributesOf(agent));
    },
    messageLost: (agent) => {
      count(agent, 'lost');
    },
    taskCompleted: (agent, durationMs, successRate) => {
      if (Number.isFinite(durationMs)) duration.record(durationMs, attributesOf(agent));
      if (Number.isFinite(successRate)) success.record(successRate, attributesOf(agent));
    },
    startTimer: (agent) => {
      const start = performance.now();
      return () => {
        const ms = performance.now() - start;
        coordination.record(ms, attributesOf(agent));
        return ms;
      };
    },
    stop: () => {
      deliveryRate.removeCallback(observeRate);
      memory.removeCallback(observeMemory);
    },
  };
}

/**
 * One form for all that name the same agent: the SDK would count each form apart. It throws at what has no JSON, so what
 * is no name becomes one that the exporter refuses.
 */
function attributesOf(agent: string | number): Attributes {
  const id: unknown = agentId(agent);
  return { [AGENT_ATTRIBUTE]: typeof id === 'string' ? id : '' };
}
