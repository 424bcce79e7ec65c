import { expect, it } from 'vitest';
import { Engine } from '../../src/alert/engine.js';
import { newMemory, readMemory, storedMemory } from '../../src/alert/memory.js';
import { alertsOf } from '../../src/alert/rules.js';
import { readAlerts } from '../../src/alert/index.js';
import { Dispatch } from '../../src/alert/dispatch.js';
import { Windows } from '../../src/alert/windows.js';
import { NOON, Recorder } from './support.js';

const RULES = `
defaults: false
rules:
  - { name: Load, metric: load, statistic: last, window: 1m, above: 90, groupBy: [agent], forgetAfter: 10m }
  - { name: Silent, absent: load, window: 2m, groupBy: [agent], forgetAfter: 10m }
`;

it('remembers no more after a day of agents that come and go than after an hour', async () => {
  const alerts = alertsOf(await readAlerts(RULES, 'rules.yaml'));
  let now = NOON;
  const windows = new Windows(alerts.rules, 30_000, () => now);
  const engine = new Engine(alerts.rules);
  const channel = new Recorder();
  const dispatch = new Dispatch({
    ...{ alerts, channels: [channel], memories: new Map(), engine, silences: () => [] },
    context: { directory: '/nowhere', env: {} },
    host: {
      now: () => now,
      random: () => 0.5,
      report: () => undefined,
      ended: () => undefined,
      signal: new AbortController().signal,
    },
  });
  const sizes: { instances: number; told: number; groups: number }[] = [];
  let told = 0;
  for (let round = 0; round < 2880; round += 1) {
    now = NOON + round * 30_000;
    // fifty agents at a time, each of which lives for ten minutes
    for (let i = 0; i < 50; i += 1) {
      const agent = `agent-${i + 50 * Math.floor(round / 20)}`;
      windows.add([{ time: now, agent, metric: 'load', value: (i * 13 + round) % 100 }]);
    }
    engine.evaluate({ now, previous: now - 30_000, measureBy: (groupBy) => windows.measureBy(groupBy) });
    await dispatch.settle();
    dispatch.forget();
    told += channel.sent.splice(0).length;
    const memory = dispatch.memories.get('ops')!;
    sizes.push({ instances: engine.size, told: memory.told.size, groups: memory.groups.size });
  }
  const most = (from: number, to: number) => {
    const part = sizes.slice(from, to);
    return {
      instances: Math.max(...part.map(({ instances }) => instances)),
      told: Math.max(...part.map((size) => size.told)),
      groups: Math.max(...part.map(({ groups }) => groups)),
    };
  };
  expect(told).toBeGreaterThan(1000);
  const [anHour, theLast] = [most(120, 240), most(2760, 2880)];
  expect(theLast.instances).toBeLessThanOrEqual(anHour.instances * 1.1);
  expect(theLast.told).toBeLessThanOrEqual(anHour.told * 1.1);
  expect(theLast.groups).toBeLessThanOrEqual(anHour.groups);
}, 120_000);

it('what a channel was told is read as it was written, and what is damaged is left out', () => {
  const told = { status: 'firing', severity: 'warning', startsAt: 1, firingAt: 2, at: 3 } as const;
  const memory = newMemory();
  memory.told.set('a', { ...told, open: [{ severity: 'warning' }, {}] });
  memory.told.set('b', { ...told, firingAt: null, open: [] });
  memory.groups.set('g', { lastAt: 1, waitingSince: null });
  const stored = JSON.stringify(storedMemory(memory));
  expect(readMemory(JSON.parse(stored))).toEqual(memory);
  for (const open of [undefined, 'x', [3], [null], [{ severity: 3 }]])
    expect(readMemory({ told: [['a', { ...told, open }]] }).told.get('a')).toEqual({ ...told, open: [] });
  for (const damage of [{ status: 'no' }, { at: null }, { startsAt: -1 }])
    expect(readMemory({ told: [['a', { ...told, ...damage }]] }).told.size).toBe(0);
});
