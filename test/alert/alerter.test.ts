import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Alerter, readAlerts } from '../../src/alert/index.js';
import { changeSilences } from '../../src/alert/silence-file.js';
import { readRecords } from '../../src/store/reader.js';
import { receiver } from './channels/receiver.js';
import { NOON, Recorder, setup } from './support.js';

const LOAD = `
defaults: false
rules:
  - { name: Load, metric: load, statistic: last, window: 30s, above: 70, groupBy: [agent] }
`;

describe('one alert', () => {
  it('is told once when it begins, again after five minutes, and once when it is over', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    const alerter = await open();
    emit({ value: 71 });
    await alerter.round();
    expect(channel.take()).toEqual(['firing Load warning 1']);
    for (let t = 30; t < 300; t += 30) {
      clock.now = NOON + t * 1000;
      emit({ value: 71 });
      await alerter.round();
      expect(channel.take()).toEqual([]);
    }
    clock.now = NOON + 300_000;
    emit({ value: 72 });
    await alerter.round();
    expect(channel.take()).toEqual(['firing Load warning 1']);
    clock.now += 30_000;
    emit({ value: 12 });
    await alerter.round();
    expect(channel.sent[0]!.alerts[0]).toMatchObject({
      ...{ status: 'resolved', value: 12, limit: 70, startsAt: NOON, endsAt: clock.now },
      labels: { alertname: 'Load', agent: 'agent-1', metric: 'load', severity: 'warning' },
    });
    expect(channel.take()).toEqual(['resolved Load warning 1']);
    clock.now += 30_000;
    await alerter.round();
    expect(channel.take()).toEqual([]);
    expect(alerter.alerts()).toEqual([]);
  });

  it('is told as ever after the clock was put back', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    const alerter = await open();
    const after = async (ms: number, value: number): Promise<string[]> => {
      clock.now += ms;
      emit({ value });
      await alerter.round();
      return channel.take();
    };
    expect(await after(0, 71)).toEqual(['firing Load warning 1']);
    // it goes on: a repeat is due five minutes after the step
    expect(await after(-7_200_000, 71)).toEqual([]);
    expect(await after(299_000, 71)).toEqual([]);
    expect(await after(1000, 71)).toEqual(['firing Load warning 1']);
    expect(await after(-3_600_000, 12)).toEqual(['resolved Load warning 1']);
    expect(await after(300_000, 71)).toEqual(['firing Load warning 1']);
  });

  it('is one notification where the value flaps around the limit, with a recovery limit', async () => {
    const { open, emit, clock, channel } = await setup(LOAD.replace('above: 70', 'above: 70, recover: 60'));
    const alerter = await open();
    for (let i = 0; i < 9; i += 1) {
      clock.now = NOON + i * 30_000;
      emit({ value: i % 2 === 0 ? 70.1 : 69.9 });
      await alerter.round();
    }
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('is not told to fire again within five minutes where the value flaps without one', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    const alerter = await open();
    for (let i = 0; i < 9; i += 1) {
      clock.now = NOON + i * 30_000;
      emit({ value: i % 2 === 0 ? 70.1 : 69.9 });
      await alerter.round();
    }
    expect(channel.take()).toEqual(['firing Load warning 1', 'resolved Load warning 1']);
    clock.now = NOON + 300_000;
    emit({ value: 70.1 });
    await alerter.round();
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('goes on where its agent vanishes, and ends when that was long ago', async () => {
    const { open, emit, clock, channel } = await setup(
      LOAD.replace('above: 70', 'above: 70, forgetAfter: 1h'),
    );
    const alerter = await open();
    emit({ value: 71 });
    emit({ agent: 'agent-2', value: 1 });
    await alerter.round();
    channel.take();
    clock.now = NOON + 120_000;
    emit({ agent: 'agent-2', value: 1 });
    await alerter.round();
    expect(channel.take()).toEqual([]);
    expect(alerter.alerts()).toMatchObject([{ status: 'firing', reason: 'vanished', value: 71 }]);
    clock.now = NOON + 180_000;
    await alerter.round();
    expect(alerter.alerts()).toMatchObject([{ status: 'firing', reason: 'noData' }]);
    clock.now = NOON + 3_700_000;
    await alerter.round();
    expect(channel.take().at(-1)).toBe('resolved Load warning 1');
  });

  it('that waits for its time does so anew where there were no data meanwhile', async () => {
    const { open, emit, clock, channel } = await setup(LOAD.replace('above: 70', 'above: 70, for: 5m'));
    const alerter = await open();
    const round = async (value?: number): Promise<string[]> => {
      if (value !== undefined) emit({ value });
      await alerter.round();
      clock.now += 30_000;
      return channel.take();
    };
    await round(99);
    expect(alerter.alerts()).toMatchObject([{ status: 'pending' }]);
    for (let i = 0; i < 80; i += 1) await round();
    expect(alerter.alerts()).toEqual([]);
    const since = clock.now;
    for (let i = 0; i < 10; i += 1) expect(await round(99)).toEqual([]);
    expect(alerter.alerts()).toMatchObject([{ status: 'pending', since }]);
    expect(await round(99)).toEqual(['firing Load warning 1']);
  });

  it('is not told twice within five minutes across restarts, where the metric is idle', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    emit({ value: 71 });
    for (let i = 0; i < 10; i += 1) {
      clock.now = NOON + i * 30_000;
      const alerter = await open();
      await alerter.round();
      await alerter.close();
    }
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('nothing is made of what is missing from a time without an alerter, since RAM may have been lost', async () => {
    const { open, emit, directory, clock, channel } = await setup(`
      defaults: false
      rules:
        - { name: Silent, absent: load, window: 5m, for: 1m, groupBy: [agent] }
        - { name: High, metric: load, above: 70, window: 1m, groupBy: [agent], noData: alert, repeatInterval: 1h }
      grouping: { by: [alertname], wait: 0s, interval: 0s }
    `);
    emit({ value: 1 });
    const before = await open();
    await before.round();
    await before.close();
    // the host starts again
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
    clock.now += 600_000;
    emit({ value: 71 });
    clock.now += 600_000;
    emit({ value: 1 });
    const alerter = await open();
    await alerter.round();
    // what was there meanwhile is told
    expect(channel.take()).toEqual(['resolved High warning 1']);
    // and who is missing now
    for (let i = 0; i < 12; i += 1) {
      clock.now += 30_000;
      await alerter.round();
    }
    expect(channel.take()).toEqual(['firing High warning 1', 'firing Silent warning 1']);
  });

  it('keeps its fingerprint when data are missing, and is told why', async () => {
    const { open, emit, clock, channel } = await setup(
      LOAD.replace('above: 70', 'above: 70, noData: { vanished: alert, none: ok }'),
    );
    const alerter = await open();
    emit({ value: 71 });
    emit({ agent: 'agent-2', value: 1 });
    await alerter.round();
    const { fingerprint } = channel.sent[0]!.alerts[0]!;
    clock.now += 30_000;
    await alerter.round();
    clock.now += 30_000;
    emit({ agent: 'agent-1', value: 1 });
    await alerter.round();
    // agent 1 is over; agent 2 vanished
    const alerts = channel.sent[1]!.alerts;
    expect(alerts.map(({ status, labels }) => `${status} ${labels['agent']}`)).toEqual([
      'firing agent-2',
      'resolved agent-1',
    ]);
    expect(alerts[0]!.annotations['reason']).toBe('this series vanished, others are there');
    expect(alerts[1]!.fingerprint).toBe(fingerprint);
    clock.now += 60_000;
    await alerter.round();
    expect(channel.sent[2]).toMatchObject({ status: 'resolved', total: 1 });
  });
});

describe('severity', () => {
  const LEVELS = `
defaults: false
rules:
  - name: Load
    metric: load
    statistic: last
    window: 30s
    levels: { warning: { above: 70 }, critical: { above: 90 } }
`;
  it('that gets worse is told at once; critical mutes warning', async () => {
    const { open, emit, clock, channel } = await setup(LEVELS);
    const alerter = await open();
    for (const [value, told] of [
      [75, ['firing Load warning 1']],
      [95, ['firing Load critical 1']],
      [75, []],
      [95, []],
      [50, ['resolved Load critical 1']],
    ] as const) {
      emit({ value });
      await alerter.round();
      expect(channel.take()).toEqual(told);
      clock.now += 30_000;
    }
  });
});

describe('groups', () => {
  const BY_SEVERITY = `
defaults: false
grouping: { by: [severity], wait: 0s, interval: 0s }
channels: { ops: { type: file } }
rules:
  - name: Load
    metric: load
    statistic: last
    window: 30s
    groupBy: [agent]
    levels: { warning: { above: 70 }, critical: { above: 90 } }
`;
  const groups = (channel: Recorder) =>
    channel.sent.splice(0).map(({ groupLabels, status, alerts }) => {
      const agents = alerts.map(({ labels, severity }) => `${labels['agent']} ${severity}`);
      return `${groupLabels['severity'] ?? 'all'} ${status}: ${agents.join()}`;
    });

  /** Lets time pass, in which each agent stores a value, and gives what was told then. */
  const after = async (
    { clock, emit, channel }: Awaited<ReturnType<typeof setup>>,
    alerter: Alerter,
    seconds: number,
    values: readonly number[],
  ): Promise<string[]> => {
    clock.now += seconds * 1000;
    for (const [i, value] of values.entries()) emit({ value, agent: `agent-${i + 1}` });
    await alerter.round();
    return groups(channel);
  };

  it('by a label that changes: whom an alert left hears that it is over, when the others know of it', async () => {
    const test = await setup(BY_SEVERITY);
    const { open, clock } = test;
    let alerter = await open();
    const next = (...values: number[]) => after(test, alerter, 30, values);
    expect(await next(75, 1)).toEqual(['warning firing: agent-1 warning']);
    expect(await next(95, 1)).toEqual([
      'critical firing: agent-1 critical',
      'warning resolved: agent-1 warning',
    ]);
    // What got better is told there when it would be repeated, and is the others' until then.
    expect(await next(75, 1)).toEqual([]);
    clock.now += 300_000;
    expect(await next(75, 75)).toEqual([
      'warning firing: agent-1 warning,agent-2 warning',
      'critical resolved: agent-1 critical',
    ]);
    // The other one still fires: whoever is over is told with the next message of the group, after a restart as well.
    expect(await next(95, 75)).toEqual(['critical firing: agent-1 critical']);
    expect(await next(1, 75)).toEqual(['critical resolved: agent-1 critical']);
    await alerter.close();
    alerter = await open();
    expect(await next(1, 75)).toEqual([]);
    // Nobody of them is to hear of new ones any more, but that what they heard of is over.
    const channels = 'channels: { ops: { type: file }, night: { type: file } }';
    const others = BY_SEVERITY.replace(/channels.*/, channels).replace(
      'metric:',
      'channels: [night]\n    metric:',
    );
    await alerter.reload(await readAlerts(others, 'rules.yaml'));
    expect(await next(1, 75)).toEqual(['warning resolved: agent-1 warning']);
    expect(await next(1, 1)).toEqual(['warning resolved: agent-2 warning']);
    expect(await next(1, 1)).toEqual([]);
    expect(alerter.alerts()).toEqual([]);
  });

  it('wait for one that has left, and that nobody else knows of yet', async () => {
    const test = await setup(
      BY_SEVERITY.replace('interval: 0s', 'interval: 1m').replace(
        'warning:',
        'info: { above: 50 }, warning:',
      ),
    );
    const alerter = await test.open();
    const next = (seconds: number, ...values: number[]) => after(test, alerter, seconds, values);
    await next(0, 75, 75);
    expect(await next(290, 75, 75, 55)).toEqual(['info firing: agent-3 info']);
    // 2 got better, and is due in a group that was just told something
    expect(await next(15, 95, 55, 55)).toEqual(['critical firing: agent-1 critical']);
    expect(await next(30, 95, 55, 55)).toEqual([]);
    expect(await next(30, 95, 55, 55)).toEqual([
      'info firing: agent-2 info',
      'warning resolved: agent-2 warning,agent-1 warning',
    ]);
  });

  it('of two which know of an alert both hear that it is over, whichever is told first', async () => {
    const test = await setup(BY_SEVERITY.replace('interval: 0s', 'interval: 1m'));
    const { clock } = test;
    const alerter = await test.open();
    const next = (seconds: number, value: number) => after(test, alerter, seconds, [value]);
    expect(await next(0, 95)).toEqual(['critical firing: agent-1 critical']);
    await next(270, 95);
    expect(await next(30, 95)).toEqual(['critical firing: agent-1 critical']);
    clock.now += 299_000;
    expect(await next(1, 75)).toEqual([
      'warning firing: agent-1 warning',
      'critical resolved: agent-1 critical',
    ]);
    expect(await next(15, 95)).toEqual(['critical firing: agent-1 critical']);
    expect(await next(10, 1)).toEqual([]);
    expect(await next(60, 1)).toEqual([
      'critical resolved: agent-1 critical',
      'warning resolved: agent-1 warning',
    ]);
    expect(alerter.alerts()).toEqual([]);
  });

  it('that are made by something else from now on: the former one hears that its alerts are over', async () => {
    const { open, emit, channel, clock } = await setup(BY_SEVERITY);
    const alerter = await open();
    emit({ value: 75 });
    await alerter.round();
    expect(groups(channel)).toEqual(['warning firing: agent-1 warning']);
    await alerter.reload(await readAlerts(BY_SEVERITY.replace('[severity]', '[alertname]'), 'rules.yaml'));
    clock.now += 300_000;
    emit({ value: 75 });
    await alerter.round();
    expect(groups(channel)).toEqual(['all firing: agent-1 warning', 'warning resolved: agent-1 warning']);
    clock.now += 30_000;
    emit({ value: 1 });
    await alerter.round();
    expect(groups(channel)).toEqual(['all resolved: agent-1 warning']);
  });

  it('by a label of a rule that is gone hear that its alerts are over', async () => {
    const rules = BY_SEVERITY.replace('[severity]', '[team]').replace(
      'metric:',
      'labels: { team: night }\n    metric:',
    );
    const { open, emit, channel, clock } = await setup(rules);
    const alerter = await open();
    emit({ value: 75 });
    await alerter.round();
    await alerter.reload(
      await readAlerts(LOAD.replace('name: Load', 'name: Other').replace('70', '700'), 'rules.yaml'),
    );
    clock.now += 30_000;
    await alerter.round();
    expect(channel.sent.map(({ status, groupLabels }) => [status, groupLabels])).toEqual([
      ['firing', { team: 'night' }],
      ['resolved', { team: 'night' }],
    ]);
    expect(alerter.alerts()).toEqual([]);
  });
});

describe('noise', () => {
  it('makes one message of many agents, the worst first', async () => {
    const { open, emit, channel } = await setup(LOAD);
    const alerter = await open();
    for (let i = 0; i < 137; i += 1) emit({ agent: `agent-${i}`, value: 100 + i });
    await alerter.round();
    const [message, ...others] = channel.sent;
    expect(others).toEqual([]);
    expect(message).toMatchObject({ total: 137, status: 'firing', groupLabels: { alertname: 'Load' } });
    expect(message!.alerts).toHaveLength(100);
    expect(message!.alerts[0]!.labels['agent']).toBe('agent-136');
  });

  it('keeps what is silenced quiet, and tells it when the silence is over', async () => {
    const { open, emit, clock, channel, state } = await setup(LOAD);
    const alerter = await open();
    await changeSilences(state, NOON, (silences) =>
      silences.push({
        ...{ id: '00000001', author: 'a', comment: 'c', startsAt: NOON, endsAt: NOON + 60_000 },
        matchers: [{ label: 'agent', operator: '=', value: 'agent-1' }],
      }),
    );
    emit({ value: 71 });
    emit({ agent: 'agent-2', value: 71 });
    await alerter.round();
    expect(channel.sent[0]!.alerts.map(({ labels }) => labels['agent'])).toEqual(['agent-2']);
    channel.take();
    clock.now += 60_000;
    await alerter.round();
    expect(channel.sent[0]!.alerts.map(({ labels }) => labels['agent'])).toEqual(['agent-1']);
  });

  it('holds back what is more than a channel may get in a minute, and says so', async () => {
    const yaml = `
defaults: false
channels: { ops: { type: webhook, url: 'http://127.0.0.1:1/', maxPerMinute: 2 } }
grouping: { by: [alertname, agent], interval: 1s }
${LOAD.split('\n').slice(2).join('\n')}`;
    const { open, emit, clock, channel } = await setup(yaml);
    const alerter = await open();
    for (let i = 0; i < 5; i += 1) emit({ agent: `agent-${i}`, value: 71 });
    await alerter.round();
    expect(channel.sent).toHaveLength(2);
    clock.now += 61_000;
    await alerter.round();
    expect(channel.sent.map(({ heldBack }) => heldBack)).toEqual([0, 0, 3, 0]);
    clock.now += 61_000;
    await alerter.round();
    expect(new Set(channel.sent.map(({ groupKey }) => groupKey)).size).toBe(5);
  });
});

describe('a round', () => {
  it('tells nobody twice, however long it takes', async () => {
    const { open, emit, clock, channel } = await setup(
      LOAD.replace('above: 70', 'above: 70, repeatInterval: 1s').replace(
        'rules:',
        'grouping: { by: [agent] }\nrules:',
      ),
    );
    const alerter = await open();
    // each message takes so long that the one before it is due again
    channel.answer = () => {
      clock.now += 2000;
      return { outcome: 'sent' };
    };
    for (let i = 0; i < 5; i += 1) emit({ agent: `agent-${i}`, value: 71 });
    expect(await alerter.round()).toBe(true);
    expect(channel.sent.map(({ groupLabels }) => groupLabels['agent']).sort()).toEqual(
      Array.from({ length: 5 }, (_, i) => `agent-${i}`),
    );
    channel.take();
    expect(await alerter.round()).toBe(true);
    expect(channel.take()).toHaveLength(5);
  });

  it('ends also where a channel wants everything again at once', async () => {
    const mirror = new Recorder('mirror', 0);
    const { open, emit, clock } = await setup(LOAD);
    const alerter = await open(LOAD, { channels: [mirror] });
    mirror.answer = () => {
      clock.now += 2000;
      return { outcome: 'sent' };
    };
    for (let i = 0; i < 120; i += 1) emit({ agent: `agent-${i}`, value: 71 });
    await alerter.round();
    expect(mirror.sent.map(({ total }) => total)).toEqual([50, 50, 20]);
  });

  it('tries no channel again that failed, although others take their time', async () => {
    const broken = new Recorder('broken');
    let asked = 0;
    broken.answer = () => {
      asked += 1;
      return { outcome: 'retry', reason: '500' };
    };
    const { open, emit, clock, channel } = await setup(LOAD);
    channel.answer = () => {
      clock.now += 120_000;
      return { outcome: 'sent' };
    };
    const alerter = await open(LOAD, { channels: [broken, channel] });
    emit({ value: 71 });
    expect(await alerter.round()).toBe(false);
    expect(asked).toBe(1);
  });
});

describe('channels that fail', () => {
  it('are asked again, with the same id, after as long as they said, also by the next alerter', async () => {
    const { open, emit, clock, channel, events } = await setup(LOAD);
    const ids: string[] = [];
    channel.answer = ({ id }) => {
      ids.push(id);
      return { outcome: 'retry', reason: '429', retryAfterMs: 90_000 };
    };
    emit({ value: 71 });
    const first = await open();
    expect(await first.round()).toBe(false);
    await first.close();
    const second = await open();
    clock.now += 60_000;
    await second.round();
    expect(ids).toHaveLength(1);
    channel.answer = ({ id }) => {
      ids.push(id);
      return { outcome: 'sent' };
    };
    clock.now += 31_000;
    await second.round();
    expect(ids).toHaveLength(2);
    expect(ids[1]).toBe(ids[0]);
    expect(events.filter(({ type }) => type === 'failed')).toMatchObject([
      { reason: '429', retryMs: 90_000 },
    ]);
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('hear of what began and ended while they were down for ten minutes', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    const alerter = await open();
    channel.answer = () => ({ outcome: 'retry', reason: 'ECONNREFUSED' });
    for (let t = 0; t < 600; t += 30) {
      clock.now = NOON + t * 1000;
      emit({ agent: `agent-${t}`, value: 71 });
      if (t > 0) emit({ agent: `agent-${t - 30}`, value: 1 });
      await alerter.round();
    }
    channel.answer = () => ({ outcome: 'sent' });
    clock.now += 60_000;
    await alerter.round();
    expect(channel.sent).toHaveLength(1);
    expect(new Set(channel.sent[0]!.alerts.map(({ labels }) => labels['agent'])).size).toBe(20);
    expect(channel.sent[0]!.alerts.filter(({ status }) => status === 'resolved')).toHaveLength(19);
  });

  it('that refuse hear it no more, and it is said', async () => {
    const { open, emit, clock, channel, events } = await setup(LOAD);
    const alerter = await open();
    let asked = 0;
    channel.answer = () => {
      asked += 1;
      return { outcome: 'refused', reason: '404 no_service' };
    };
    emit({ value: 71 });
    expect(await alerter.round()).toBe(false);
    clock.now += 30_000;
    expect(await alerter.round()).toBe(true);
    expect(asked).toBe(1);
    expect(events.filter(({ type }) => type === 'refused')).toMatchObject([
      { reason: '404 no_service', channel: 'ops' },
    ]);
  });

  it('do not keep others waiting', async () => {
    const broken = new Recorder('broken');
    broken.answer = () => ({ outcome: 'retry', reason: '500' });
    const { open, emit, channel } = await setup(LOAD);
    const alerter = await open(LOAD, { channels: [broken, channel] });
    emit({ value: 71 });
    await alerter.round();
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('that forget get everything again and again, and what is over for five minutes', async () => {
    const mirror = new Recorder('alertmanager', 60_000);
    const { open, emit, clock } = await setup(LOAD);
    const alerter = await open(LOAD, { channels: [mirror] });
    emit({ value: 71 });
    const told: string[][] = [];
    for (let i = 0; i < 12; i += 1) {
      clock.now = NOON + i * 60_000;
      if (i === 3) emit({ value: 1 });
      await alerter.round();
      told.push(mirror.take());
    }
    const [firing, resolved] = [['firing Load warning 1'], ['resolved Load warning 1']];
    expect(told).toEqual([
      firing,
      firing,
      firing,
      ...Array.from({ length: 5 }, () => resolved),
      [],
      [],
      [],
      [],
    ]);
  });
});

describe('an Alertmanager', () => {
  it('is told as ever after the clock was put back, and then that it is over', async () => {
    const { url, received } = await receiver();
    const rules = LOAD.replace(
      'rules:',
      `channels: { am: { type: alertmanager, urls: ['${url}'] } }\nrules:`,
    );
    const { open, emit, clock } = await setup(rules, { channels: undefined });
    const alerter = await open();
    const after = async (ms: number, value: number): Promise<number[][]> => {
      clock.now += ms;
      emit({ value });
      await alerter.round();
      return received
        .splice(0)
        .flatMap(({ body }) => JSON.parse(body) as { startsAt: string; endsAt: string }[])
        .map(({ startsAt, endsAt }) => [Date.parse(startsAt) - clock.now, Date.parse(endsAt) - clock.now]);
    };
    expect(await after(0, 71)).toEqual([[0, 240_000]]);
    expect(await after(-3_600_000, 71)).toEqual([[0, 240_000]]);
    expect(await after(30_000, 71)).toEqual([]);
    expect(await after(30_000, 71)).toEqual([[0, 240_000]]);
    expect(await after(30_000, 1)).toEqual([[0, 0]]);
    expect(await after(-3_600_000, 1)).toEqual([[0, 0]]);
  });
});

describe('what an alerter knows', () => {
  it('is kept through other rules: unchanged ones go on, those that are gone resolve', async () => {
    const { open, emit, channel, clock } = await setup(
      `${LOAD}  - { name: Other, metric: load, above: 70 }\n`,
    );
    const alerter = await open();
    emit({ value: 71 });
    await alerter.round();
    expect(channel.take().sort()).toEqual(['firing Load warning 1', 'firing Other warning 1']);
    await alerter.reload(await readAlerts(LOAD, 'rules.yaml'));
    clock.now += 30_000;
    emit({ value: 71 });
    await alerter.round();
    expect(channel.take()).toEqual(['resolved Other warning 1']);
  });

  it('is told to be over also to a channel that rules name no longer, which hears nothing else', async () => {
    const channels = 'channels: { ops: { type: file }, night: { type: file } }\n';
    const rules = (name: string) =>
      `${channels}${LOAD.replace('above: 70', `above: 70, channels: [${name}]`)}`;
    const night = new Recorder('night');
    const { open, emit, channel, clock } = await setup(rules('ops'));
    const alerter = await open(rules('ops'), { channels: [channel, night] });
    emit({ value: 71 });
    await alerter.round();
    expect([channel.take(), night.take()]).toEqual([['firing Load warning 1'], []]);
    await alerter.reload(await readAlerts(rules('night'), 'rules.yaml'));
    clock.now += 600_000;
    emit({ value: 71 });
    await alerter.round();
    expect([channel.take(), night.take()]).toEqual([[], ['firing Load warning 1']]);
    clock.now += 30_000;
    emit({ value: 1 });
    channel.answer = () => ({ outcome: 'retry', reason: '500' });
    await alerter.round();
    expect([channel.take(), night.take()]).toEqual([[], ['resolved Load warning 1']]);
    channel.answer = () => ({ outcome: 'sent' });
    clock.now += 300_000;
    await alerter.round();
    expect([channel.take(), night.take()]).toEqual([['resolved Load warning 1'], []]);
    clock.now += 30_000;
    await alerter.round();
    expect([channel.take(), night.take(), alerter.alerts()]).toEqual([[], [], []]);
  });

  it('is of one alerter at a time', async () => {
    const { open } = await setup(LOAD);
    (await open()).open();
    const second = await open();
    expect(() => second.open()).toThrow(new RegExp(`in use by process ${process.pid}`));
  });

  it('is of nobody but its user, and damage to it is said', async () => {
    const { open, emit, state, events, channel } = await setup(LOAD);
    emit({ value: 71 });
    const first = await open();
    await first.round();
    await first.close();
    expect(JSON.parse(readFileSync(join(state, 'state.json'), 'utf8'))).toMatchObject({ version: 1 });
    writeFileSync(join(state, 'state.json'), '{"version":1,"inst');
    const second = await open();
    await second.round();
    expect(events.filter(({ type }) => type === 'error')).toHaveLength(1);
    expect(channel.take()).toHaveLength(2);
  });

  it('includes what happened while nothing ran', async () => {
    const { open, emit, clock, channel } = await setup(LOAD);
    const first = await open();
    await first.round();
    await first.close();
    clock.now = NOON + 120_000;
    emit({ value: 99 });
    clock.now = NOON + 125_000;
    emit({ value: 1 });
    clock.now = NOON + 140_000;
    emit({ agent: 'agent-2', value: 99 });
    clock.now = NOON + 600_000;
    const second = await open();
    await second.round();
    expect(channel.sent.flatMap(({ alerts }) => alerts.map(({ labels }) => labels['agent']))).toContain(
      'agent-2',
    );
  });

  it('survives lines that are none', async () => {
    const { open, emit, directory, channel } = await setup(LOAD);
    emit({ value: 71 });
    appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), 'nonsense\n');
    const alerter = await open();
    await alerter.round();
    expect(channel.take()).toEqual(['firing Load warning 1']);
  });

  it('counts a line that is damaged once, whoever starts again or takes other rules', async () => {
    const { open, emit, directory } = await setup(LOAD, { metrics: true });
    const damage = (): void => appendFileSync(join(directory, 'cfn-metrics-0.jsonl'), 'nonsense\n');
    emit({});
    const first = await open();
    await first.round();
    damage();
    await first.round();
    damage();
    await first.reload(await readAlerts(LOAD.replace('30s', '2h'), 'rules.yaml'));
    await first.round();
    expect(first.status.counts.tornLines).toBe(2);
    damage();
    await first.round();
    expect(first.status.counts.tornLines).toBe(3);
    await first.close();
    for (let i = 0; i < 2; i += 1) {
      const next = await open();
      await next.round();
      expect(next.status.counts.tornLines).toBe(0);
      await next.close();
    }
    const stored = [...readRecords({ directory })].filter(({ metric }) => metric === 'cfn.alert.torn_lines');
    expect(stored.map(({ value }) => value)).toEqual([1, 1, 1]);
  });
});
