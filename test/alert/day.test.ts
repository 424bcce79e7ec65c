import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { readAlerts } from '../../src/alert/index.js';
import { Dispatch } from '../../src/alert/dispatch.js';
import { Engine } from '../../src/alert/engine.js';
import { alertsOf } from '../../src/alert/rules.js';
import { parseMatcher, type Silence } from '../../src/alert/silence.js';
import { Windows } from '../../src/alert/windows.js';
import { IN_CI } from '../support/tools.js';
import { NOON, Recorder } from './support.js';

const AGENTS = 500;
/** As often as the alerter evaluates; where nobody waits for it, as in CI, and otherwise a quarter of that. */
const INTERVAL_MS = IN_CI ? 30_000 : 120_000;
const HOUR = 3_600_000 / INTERVAL_MS;
const HOURS = 24;
/** As docs/alerts.md says: what the alerter keeps at most for so many agents and rules, and after any hour. */
const MOST_HEAP_MB = 24;
const GROWTH_MB = 4;
const RULES = `
defaults: false
grouping: { by: [alertname], wait: 30s, interval: 1m }
rules:
  - name: Load
    metric: load
    statistic: p95
    window: 1m
    groupBy: [agent]
    forgetAfter: 30m
    levels: { warning: { above: 90, recover: 80 }, critical: { above: 97, recover: 90, for: 1m } }
  - { name: Flaps, metric: flap, statistic: last, window: 1m, above: 70, groupBy: [agent], forgetAfter: 30m }
  - { name: Silent, absent: load, window: 2m, groupBy: [agent], forgetAfter: 30m }
  - { name: Errors, metric: errors, statistic: growth, window: 5m, above: 50, groupBy: [agent], forgetAfter: 30m }
`;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapMb(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

it('takes no more memory after a simulated day of 500 agents that come, flap, are silenced and go', async () => {
  const alerts = alertsOf(await readAlerts(RULES, 'rules.yaml'));
  let now = NOON;
  const windows = new Windows(alerts.rules, INTERVAL_MS, () => now);
  const engine = new Engine(alerts.rules);
  const channel = new Recorder();
  // every tenth message fails at first
  let attempts = 0;
  channel.answer = () => {
    attempts += 1;
    return attempts % 10 === 0 ? { outcome: 'retry', reason: '503' } : { outcome: 'sent' };
  };
  let silences: Silence[] = [];
  const dispatch = new Dispatch({
    ...{ alerts, channels: [channel], memories: new Map(), engine, silences: () => silences },
    context: { directory: '/nowhere', env: {} },
    host: {
      now: () => now,
      random: () => 0.5,
      report: () => undefined,
      ended: () => undefined,
      signal: new AbortController().signal,
    },
  });
  collect();
  const empty = heapMb();
  const hours: { heap: number; rss: number; known: number; told: number; groups: number }[] = [];
  let [known, told, groups, messages] = [0, 0, 0, 0];
  for (let round = 0; round < HOURS * HOUR; round += 1) {
    now = NOON + round * INTERVAL_MS;
    for (let i = 0; i < AGENTS; i += 1) {
      // each lives for an hour; one in sixty is replaced every half minute or so
      const agent = `agent-${i + AGENTS * Math.floor((round + (i % HOUR)) / HOUR)}`;
      windows.add([
        { time: now, agent, metric: 'load', value: (i * 13 + round * 7) % 100 },
        { time: now, agent, metric: 'flap', value: (i + round) % 2 === 0 ? 70.1 : 69.9 },
        { time: now, agent, metric: 'errors', type: 'counter', value: (i * round) % 11 },
      ]);
    }
    if (round % 60 === 0) {
      const startsAt = now;
      const matcher = parseMatcher(`agent=~agent-${round % 10}*`)!;
      silences = [
        ...silences.filter(({ endsAt }) => endsAt > now),
        {
          id: String(round),
          matchers: [matcher],
          author: 'a',
          comment: 'c',
          startsAt,
          endsAt: now + 1_200_000,
        },
      ];
    }
    engine.evaluate({ now, previous: now - INTERVAL_MS, measureBy: (by) => windows.measureBy(by) });
    await dispatch.settle();
    dispatch.forget();
    messages += channel.sent.splice(0).length;
    known = Math.max(known, engine.size);
    for (const memory of dispatch.memories.values()) {
      told = Math.max(told, memory.told.size);
      groups = Math.max(groups, memory.groups.size);
    }
    if ((round + 1) % HOUR !== 0) continue;
    collect();
    hours.push({ heap: heapMb(), rss: process.memoryUsage().rss / 2 ** 20, known, told, groups });
    [known, told, groups] = [0, 0, 0];
  }
  for (const [i, { heap, rss, ...counts }] of hours.entries()) {
    const shown = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
    console.log(`hour ${i + 1}: heap ${heap.toFixed(1)} MB, RSS ${rss.toFixed(0)} MB, ${shown.join(', ')}`);
  }
  expect(messages).toBeGreaterThan(1000);
  // the first two hours fill what is kept
  const [third, ...later] = hours.slice(2);
  for (const hour of later) {
    expect(hour.known).toBeLessThanOrEqual(third!.known * 1.1);
    expect(hour.told).toBeLessThanOrEqual(third!.told * 1.1);
    expect(hour.groups).toBeLessThanOrEqual(third!.groups);
    expect(hour.heap).toBeLessThan(third!.heap + GROWTH_MB);
  }
  expect(hours.at(-1)!.heap - empty).toBeLessThan(MOST_HEAP_MB);
}, 900_000);
