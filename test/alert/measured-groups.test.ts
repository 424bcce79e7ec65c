import { describe, expect, it } from 'vitest';
import { MeasuredGroups } from '../../src/alert/measured-groups.js';

const identity = {
  metric: 'm',
  type: 'gauge',
  unit: undefined,
  agent: undefined,
  attributes: undefined,
} as const;
const measured = (count: number) => ({ identity, count, values: {} });

describe('groups that were measured', () => {
  const groups = new MeasuredGroups();
  groups.add('a', measured(1));
  groups.add('b', measured(2));
  groups.add('b', measured(3));
  groups.add('c', measured(4));
  const counts = (key: string) => groups.get(key).map(({ count }) => count);

  it('are found in any order, as often as somebody asks', () => {
    const orders = ['abc', 'cba', 'bac', 'ccaab', 'abxc', 'xyz'];
    const expected: Record<string, number[]> = { a: [1], b: [2, 3], c: [4] };
    for (const order of orders) {
      for (const key of order) {
        expect([key, counts(key)]).toEqual([key, expected[key] ?? []]);
        expect(groups.has(key)).toBe(key in expected);
      }
    }
  });

  it('have one key each, in the order they came', () => {
    expect(groups.keys()).toEqual(['a', 'b', 'c']);
    expect(groups.size).toBe(3);
  });

  it('may be none', () => {
    const none = new MeasuredGroups();
    expect([none.size, none.keys(), none.get('a'), none.has('a')]).toEqual([0, [], [], false]);
  });
});
