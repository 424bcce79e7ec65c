import { expect, it } from 'vitest';
import { Plan } from '../../src/analyze/window-plan.js';
import { Plans } from '../../src/analyze/window-plans.js';
import type { View } from '../../src/analyze/window-series.js';
import { readQuestion, readWindowOptions } from '../../src/analyze/window-options.js';

const NOON = Date.UTC(2026, 10, 21, 12);

/** Plans of which a view was shown that ended at a time, when records had come until the end of a second. */
function shown(
  until: number,
  now: number,
  end: number,
): { readonly plans: Plans; readonly place: Pick<View, 'slot' | 'rows'> } {
  const plans = new Plans();
  const settings = readWindowOptions({});
  const make = (): Plan => new Plan([], settings.keys, readQuestion({}, settings, now, end));
  const { slot, rows } = plans.find('30000', 'all', 0, make);
  plans.shown('30000', { slot, rows, since: until - 30_000, until }, now, end);
  return { plans, place: { slot, rows } };
}

it('expects whoever was shown a view within the last second, and moves it on', () => {
  const { plans, place } = shown(NOON + 1000, NOON + 400, NOON + 1000);
  const view = (until: number) => [{ ...place, since: until - 30_000, until }];
  expect(plans.expected(NOON + 900, NOON + 1000)).toEqual(view(NOON + 1000));
  // the next second has begun, but nothing came
  expect(plans.expected(NOON + 1100, NOON + 1000)).toEqual(view(NOON + 1000));
  expect(plans.expected(NOON + 1300, NOON + 2000)).toEqual(view(NOON + 2000));
  expect(plans.expected(NOON + 2100, NOON + 3000)).toEqual([]);
});

it('expects those who ask for seconds that are over, and nobody who looks further back', () => {
  const { plans, place } = shown(NOON, NOON + 400, NOON + 1000);
  const view = { ...place, since: NOON - 29_000, until: NOON + 1000 };
  expect(plans.expected(NOON + 1300, NOON + 2000)).toEqual([view]);
  expect(shown(NOON - 1000, NOON + 400, NOON + 1000).plans.expected(NOON + 500, NOON + 1000)).toEqual([]);
});
