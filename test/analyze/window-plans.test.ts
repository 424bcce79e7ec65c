import { expect, it } from 'vitest';
import { Plan } from '../../src/analyze/window-plan.js';
import { Plans } from '../../src/analyze/window-plans.js';
import { readQuestion, readWindowOptions } from '../../src/analyze/window-options.js';

const NOON = Date.UTC(2026, 10, 21, 12);

/** Plans of which a view was shown that ended so long after noon, at a time. */
function shown(until: number, now: number): { readonly plans: Plans; readonly slot: number } {
  const plans = new Plans();
  const settings = readWindowOptions({});
  const make = (): Plan => new Plan([], settings.keys, readQuestion({}, settings, now));
  const { slot } = plans.find('30000', 'all', 0, make);
  plans.shown('30000', { slot, since: until - 30_000, until }, now);
  return { plans, slot };
}

it('expects whoever was shown a view within the last second, and moves it on', () => {
  const { plans, slot } = shown(NOON + 1000, NOON + 400);
  expect(plans.expected(NOON + 900)).toEqual([{ slot, since: NOON - 29_000, until: NOON + 1000 }]);
  expect(plans.expected(NOON + 1300)).toEqual([{ slot, since: NOON - 28_000, until: NOON + 2000 }]);
  expect(plans.expected(NOON + 2100)).toEqual([]);
});

it('expects those who ask for seconds that are over, and nobody who looks further back', () => {
  const { plans, slot } = shown(NOON, NOON + 400);
  expect(plans.expected(NOON + 1300)).toEqual([{ slot, since: NOON - 29_000, until: NOON + 1000 }]);
  expect(shown(NOON - 1000, NOON + 400).plans.expected(NOON + 500)).toEqual([]);
});
