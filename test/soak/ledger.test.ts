import { describe, expect, it } from 'vitest';
import { Ledger } from './ledger.js';

describe('a ledger', () => {
  it('counts what is missing below a bound, whatever the order', () => {
    const ledger = new Ledger();
    for (const number of [0, 1, 4, 3]) ledger.note('a', number);
    expect([ledger.missing('a', 2), ledger.missing('a', 5), ledger.missing('a', 7)]).toEqual([0, 1, 3]);
    expect(ledger.missing('nobody', 2)).toBe(2);
    ledger.note('a', 2);
    expect([ledger.missing('a', 5), ledger.seen, ledger.duplicated]).toEqual([0, 5, 0]);
  });

  it('counts what came twice', () => {
    const ledger = new Ledger();
    for (const number of [0, 2, 2, 0]) ledger.note('a', number);
    expect([ledger.duplicated, ledger.seen]).toEqual([2, 2]);
  });

  it('that begins in the middle judges what is repeated from there on', () => {
    const ledger = new Ledger(true);
    for (const number of [7, 9, 8, 6, 8, 10, 7]) ledger.note('a', number);
    expect(ledger.duplicated).toBe(2);
  });
});
