import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newMemory } from '../../src/alert/memory.js';
import { needOf, toldNow } from '../../src/alert/need.js';
import type { NotifiedAlert } from '../../src/alert/notification.js';
import { type Candidate, planMessages } from '../../src/alert/plan.js';
import type { Rule } from '../../src/alert/rule.js';

const MINUTE = 60_000;

function alert(id: string, more: Partial<NotifiedAlert> = {}): NotifiedAlert {
  return {
    ...{
      fingerprint: id,
      rule: 'R',
      status: 'firing',
      severity: 'warning',
      annotations: {},
      value: 1,
      limit: 0,
    },
    ...{ labels: { alertname: 'R', agent: id }, startsAt: 0, endsAt: null },
    ...more,
  };
}

function candidates(alerts: readonly NotifiedAlert[]): Candidate[] {
  const rule = { repeatMs: 5 * MINUTE, levels: [] } as unknown as Rule;
  return alerts.map((one) => ({ alert: one, rule, silenced: false, instance: undefined as never }));
}

describe('what a channel has to be told', () => {
  const told = { status: 'firing', severity: 'warning', startsAt: 0, firingAt: 0, at: 0, open: [] } as const;
  const over = { ...told, status: 'resolved', at: MINUTE } as const;
  const resolved = { status: 'resolved', endsAt: 2 * MINUTE } as const;
  it.each([
    ['new', alert('a'), false, undefined, 0],
    ['none', alert('a'), true, undefined, 0],
    ['none', alert('a'), false, told, 4 * MINUTE],
    ['repeat', alert('a'), false, told, 5 * MINUTE],
    ['escalated', alert('a', { severity: 'critical' }), false, told, MINUTE],
    ['none', alert('a', { severity: 'info' }), false, told, MINUTE],
    ['held', alert('a', { startsAt: 2 * MINUTE }), false, over, 3 * MINUTE],
    ['new', alert('a', { startsAt: 2 * MINUTE }), false, over, 5 * MINUTE],
    ['escalated', alert('a', { startsAt: 2 * MINUTE, severity: 'critical' }), false, over, 3 * MINUTE],
    ['resolved', alert('a', resolved), false, told, 3 * MINUTE],
    ['resolved', alert('a', resolved), true, told, 3 * MINUTE],
    ['resolved', alert('a', resolved), false, undefined, 3 * MINUTE],
    ['over', alert('a', resolved), true, undefined, 3 * MINUTE],
    ['over', alert('a', resolved), false, over, 3 * MINUTE],
    ['over', alert('a', { ...resolved, startsAt: MINUTE }), false, over, 3 * MINUTE],
    [
      'resolved',
      alert('a', { ...resolved, startsAt: 6 * MINUTE, endsAt: 7 * MINUTE }),
      false,
      over,
      8 * MINUTE,
    ],
  ] as const)('%s', (need, one, silenced, record, now) => {
    expect(needOf(one, silenced, record, 5 * MINUTE, now)).toBe(need);
  });
});

it('the end of an alert does not change how bad it was told to be', () => {
  const critical = {
    status: 'firing',
    severity: 'critical',
    startsAt: 0,
    firingAt: 0,
    at: 0,
    open: [],
  } as const;
  const end = alert('a', { status: 'resolved', severity: 'warning', endsAt: MINUTE });
  expect(toldNow(end, critical, [], MINUTE)).toEqual({ ...critical, status: 'resolved', at: MINUTE });
});

describe('grouping', () => {
  const grouping = { by: ['alertname'], waitMs: 10_000, intervalMs: MINUTE };

  it('waits for others before the first message, and between two of them', () => {
    const memory = newMemory();
    expect(planMessages(candidates([alert('a')]), memory, grouping, 0)).toMatchObject({
      messages: [],
      nextAt: 10_000,
    });
    const { messages } = planMessages(candidates([alert('a'), alert('b')]), memory, grouping, 10_000);
    expect(messages.map(({ notification }) => notification.total)).toEqual([2]);
    for (const [id, record] of messages[0]!.told) memory.told.set(id, record);
    memory.groups.set(messages[0]!.notification.groupKey, { lastAt: 10_000, waitingSince: null });
    const three = candidates([alert('a'), alert('b'), alert('c')]);
    expect(planMessages(three, memory, grouping, 20_000)).toMatchObject({ messages: [], nextAt: 70_000 });
    const [second] = planMessages(three, memory, grouping, 70_000).messages;
    expect(second!.notification.alerts.map(({ fingerprint }) => fingerprint)).toEqual(['c']);
  });

  it('waits for no time that is in the future since the clock was put back', () => {
    const memory = newMemory();
    const two = candidates([alert('a'), alert('b')]);
    const key = planMessages(two, memory, { ...grouping, waitMs: 0 }, 0).messages[0]!.notification.groupKey;
    memory.groups.set(key, { lastAt: 100 * MINUTE, waitingSince: 100 * MINUTE });
    expect(planMessages(two, memory, grouping, 0)).toMatchObject({ messages: [], nextAt: MINUTE });
    expect(planMessages(two, memory, grouping, MINUTE).messages).toHaveLength(1);
  });

  it('tells what got worse at once, and does not call a group resolved while one of it fires', () => {
    const memory = newMemory();
    const at = { ...grouping, waitMs: 0 };
    const [first] = planMessages(candidates([alert('a'), alert('b')]), memory, at, 0).messages;
    for (const [id, record] of first!.told) memory.told.set(id, record);
    memory.groups.set(first!.notification.groupKey, { lastAt: 0, waitingSince: null });
    const worse = [alert('a', { severity: 'critical' }), alert('b')];
    expect(planMessages(candidates(worse), memory, at, 1000).messages).toHaveLength(1);
    const partly = [alert('a', { status: 'resolved', endsAt: 2 * MINUTE }), alert('b')];
    expect(planMessages(candidates(partly), memory, at, 2 * MINUTE).messages).toEqual([]);
    const all = partly.map((one) => ({ ...one, status: 'resolved' as const, endsAt: 3 * MINUTE }));
    expect(planMessages(candidates(all), memory, at, 3 * MINUTE).messages[0]!.notification).toMatchObject({
      ...{ status: 'resolved', total: 2 },
    });
  });
});

describe('whatever comes', () => {
  const step = fc.record({
    value: fc.array(fc.constantFrom('off', 'warning', 'critical'), { minLength: 3, maxLength: 3 }),
    up: fc.boolean(),
    seconds: fc.constantFrom(1, 30, 60, 299, 300),
  });

  it('every alert is told, none twice within five minutes unless it got worse, and the end of each', () => {
    const property = fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom(0, 30_000),
      (steps, intervalMs) => {
        const memory = newMemory();
        const grouping = { by: ['alertname'], waitMs: 0, intervalMs };
        const alerts = new Map<string, NotifiedAlert>();
        const lastTold = new Map<string, { at: number; severity: string }>();
        const open = new Map<string, string>();
        let now = 1;
        const everything = [
          ...steps,
          ...Array.from({ length: 3 }, () => ({ value: ['off', 'off', 'off'], up: true, seconds: 300 })),
        ];
        for (const { value, up, seconds } of everything) {
          for (const [i, severity] of value.entries()) {
            const before = alerts.get(`${i}`);
            if (severity === 'off') {
              if (before?.status === 'firing')
                alerts.set(`${i}`, { ...before, status: 'resolved', endsAt: now });
            } else {
              const startsAt = before?.status === 'firing' ? before.startsAt : now;
              alerts.set(`${i}`, alert(`${i}`, { severity: severity as 'warning', startsAt }));
            }
          }
          for (const { notification, told } of planMessages(
            candidates([...alerts.values()]),
            memory,
            grouping,
            now,
          ).messages) {
            if (!up) continue;
            for (const [id, record] of told) memory.told.set(id, record);
            memory.groups.set(notification.groupKey, { lastAt: now, waitingSince: null });
            for (const one of notification.alerts) {
              open.set(one.fingerprint, one.status);
              if (one.status !== 'firing') continue;
              const last = lastTold.get(one.fingerprint);
              const worse = last?.severity === 'warning' && one.severity === 'critical';
              expect(last === undefined || worse || now - last.at >= 5 * MINUTE).toBe(true);
              lastTold.set(one.fingerprint, { at: now, severity: one.severity });
            }
          }
          now += seconds * 1000;
        }
        // whoever heard that it fires has heard that it is over, and whatever fired was told
        for (const [id, one] of alerts) {
          expect(one.status).toBe('resolved');
          expect(open.get(id)).toBe('resolved');
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('whoever makes groups of what, or changes that: who heard that an alert fires hears that it is over', () => {
    const groupings = [['alertname'], ['severity'], ['agent', 'severity'], []];
    const property = fc.property(
      fc.array(
        fc.record({
          value: fc.array(fc.constantFrom('off', 'info', 'warning', 'critical'), {
            minLength: 3,
            maxLength: 3,
          }),
          seconds: fc.constantFrom(1, 10, 31, 300),
          // mostly as before
          by: fc.option(fc.constantFrom(...groupings), { freq: 8 }),
          silenced: fc.constantFrom(false, false, false, true),
        }),
        { maxLength: 30 },
      ),
      fc.constantFrom(0, 30_000),
      (steps, intervalMs) => {
        let by: readonly string[] = groupings[1]!;
        const memory = newMemory();
        const alerts = new Map<string, NotifiedAlert>();
        /** By group and alert. */
        const open = new Map<string, string>();
        let now = 1;
        const takeAll = (silenced: boolean): void => {
          const all = candidates([...alerts.values()]).map((one) => ({ ...one, silenced }));
          for (let count = 0; ; count += 1) {
            expect(count).toBeLessThan(30);
            const [first] = planMessages(all, memory, { by: [...by], waitMs: 0, intervalMs }, now).messages;
            if (first === undefined) return;
            const { groupKey, groupLabels, alerts: told } = first.notification;
            for (const [id, record] of first.told) memory.told.set(id, record);
            memory.groups.set(groupKey, { lastAt: now, waitingSince: null });
            for (const { fingerprint, status, labels } of told) {
              expect(labels).toMatchObject(groupLabels);
              if (silenced) expect(status).toBe('resolved');
              if (status === 'firing') open.set(`${groupKey} ${fingerprint}`, fingerprint);
              else open.delete(`${groupKey} ${fingerprint}`);
            }
            // it is told to be over nowhere but to those whom it left
            for (const [id, { status, startsAt }] of alerts) {
              const record = memory.told.get(id);
              if (record?.startsAt === startsAt && status === 'firing') expect(record.status).toBe('firing');
            }
            // none that was told is nobody's while it fires
            const known = new Set(open.values());
            for (const [id, { status }] of alerts)
              if (status === 'firing' && memory.told.get(id)?.status === 'firing')
                expect(known).toContain(id);
          }
        };
        for (const { value, seconds, silenced, ...next } of steps) {
          by = next.by ?? by;
          for (const [i, severity] of value.entries()) {
            const id = `${i}`;
            const before = alerts.get(id);
            if (severity === 'off') {
              if (before?.status === 'firing') alerts.set(id, { ...before, status: 'resolved', endsAt: now });
              continue;
            }
            const startsAt = before?.status === 'firing' ? before.startsAt : now;
            const labels = { alertname: 'R', agent: id, severity };
            alerts.set(id, alert(id, { severity: severity as 'warning', startsAt, labels }));
          }
          takeAll(silenced);
          now += seconds * 1000;
          takeAll(silenced);
        }
        // When all has been told, an alert is open in the group that it is in, and in no other one.
        by = groupings[1]!;
        for (let i = 0; i < 3; i += 1) {
          now += 300_000;
          takeAll(false);
        }
        const firing = [...alerts.values()].filter(({ status }) => status === 'firing');
        expect([...open.keys()].sort()).toEqual(
          firing.map(({ severity, fingerprint }) => `[["severity","${severity}"]] ${fingerprint}`).sort(),
        );
        for (const one of firing) alerts.set(one.fingerprint, { ...one, status: 'resolved', endsAt: now });
        for (let i = 0; i < 3; i += 1) {
          now += 300_000;
          takeAll(true);
        }
        expect(open.size).toBe(0);
        for (const { waitingSince } of memory.groups.values()) expect(waitingSince).toBeNull();
        for (const { open: groups, status } of memory.told.values())
          expect([status, groups]).toEqual(['resolved', []]);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
