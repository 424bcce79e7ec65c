import { describe, expect, it } from 'vitest';
import { type Alerter } from '../../src/alert/index.js';
import { NOON, setup } from './support.js';

const SILENT = `
defaults: false
rules: [{ name: Silent, absent: load, window: 2m, groupBy: [agent], forgetAfter: 6h }]
`;

/** An alerter that has heard of agents 0 to 9 for two minutes. */
async function watched() {
  const test = await setup(SILENT);
  const { open, emit, clock, channel } = test;
  let alerter: Alerter = await open();
  const agents = (numbers: readonly number[]): void => {
    for (const number of numbers) emit({ agent: `agent-${number}` });
  };
  /** Lets time pass, and gives who is told of then. */
  const after = async (seconds: number, numbers: readonly number[] = []): Promise<string[]> => {
    clock.now += seconds * 1000;
    agents(numbers);
    await alerter.round();
    const messages = channel.sent.splice(0);
    return messages.flatMap(({ alerts }) => alerts.map((one) => `${one.status} ${one.labels['agent']}`));
  };
  const restart = async (): Promise<void> => {
    await alerter.close();
    alerter = await open();
  };
  for (let i = 0; i < 5; i += 1) expect(await after(30, ALL)).toEqual([]);
  return { ...test, after, restart };
}

const ALL = Array.from({ length: 10 }, (_, i) => i);
const ALL_BUT_THREE = ALL.filter((number) => number !== 3);

describe('after the machine slept, or its clock was put forward', () => {
  it('nobody is silent before a window has passed, and then whoever is', async () => {
    const { after } = await watched();
    expect(await after(600)).toEqual([]);
    expect(await after(30)).toEqual([]);
    expect(await after(30)).toEqual([]);
    expect(await after(30, ALL_BUT_THREE)).toEqual([]);
    expect(await after(30)).toEqual(['firing agent-3']);
    expect(await after(30, ALL)).toEqual(['resolved agent-3']);
  });

  it('so it is where that was shorter than a window, and they seem to be there still', async () => {
    const { after } = await watched();
    expect(await after(30)).toEqual([]);
    expect(await after(80)).toEqual([]);
    expect(await after(30)).toEqual([]);
    expect(await after(30, ALL_BUT_THREE)).toEqual([]);
    expect(await after(60, ALL_BUT_THREE)).toEqual(['firing agent-3']);
  });

  it('so does the next alerter wait', async () => {
    const { after, restart } = await watched();
    await after(600);
    await restart();
    expect(await after(30)).toEqual([]);
    expect(await after(60, ALL_BUT_THREE)).toEqual([]);
    expect(await after(30)).toEqual(['firing agent-3']);
  });

  it('whoever was silent before still is', async () => {
    const { after } = await watched();
    for (let i = 0; i < 3; i += 1) expect(await after(30, ALL_BUT_THREE)).toEqual([]);
    expect(await after(30, ALL_BUT_THREE)).toEqual(['firing agent-3']);
    expect(await after(600)).toEqual(['firing agent-3']);
    expect(await after(30, ALL_BUT_THREE)).toEqual([]);
  });

  it('nor of one metric, where another is heard of more often', async () => {
    const { open, emit, clock, channel } = await setup(`
defaults: false
rules:
  - name: Silent
    any: [{ absent: beat, window: 10m }, { absent: load, window: 2m }]
    groupBy: [agent]
`);
    const alerter = await open();
    let beats = true;
    const round = async (i: number): Promise<void> => {
      clock.now += 30_000;
      emit({ agent: 'agent-1' });
      if (beats && i % 6 === 0) emit({ agent: 'agent-1', metric: 'beat' });
      await alerter.round();
    };
    for (let i = 0; i < 24; i += 1) await round(i);
    clock.now += 3_600_000;
    for (let i = 1; i < 24; i += 1) await round(i);
    expect(channel.sent).toEqual([]);
    beats = false;
    for (let i = 0; i < 24; i += 1) await round(i);
    expect(channel.sent).toHaveLength(1);
  });

  it('nobody waits for a time that is the future since the clock was put back', async () => {
    const { after, clock } = await watched();
    await after(600, ALL);
    clock.now = NOON - 3_600_000;
    expect(await after(0, ALL)).toEqual([]);
    for (let i = 0; i < 3; i += 1) expect(await after(30, ALL_BUT_THREE)).toEqual([]);
    expect(await after(30, ALL_BUT_THREE)).toEqual(['firing agent-3']);
  });
});

describe('who is silent is known', () => {
  it('one round later where rounds are rarer than windows', async () => {
    const { after, restart } = await watched();
    await restart();
    expect(await after(300, ALL_BUT_THREE)).toEqual([]);
    await restart();
    expect(await after(300, ALL_BUT_THREE)).toEqual(['firing agent-3']);
  });

  it('at once where an evaluation was late by less than half a window', async () => {
    const { after } = await watched();
    for (let i = 0; i < 2; i += 1) expect(await after(30, ALL_BUT_THREE)).toEqual([]);
    expect(await after(60, ALL_BUT_THREE)).toEqual(['firing agent-3']);
  });
});
