import { describe, expect, it } from '@jest/globals';
import type { Command } from './commands.js';
import { lotsMax } from './granting.js';
import { holdsOpenMax } from './ledger.js';
import { twoPictures } from '../billing.fixture.js';
import { LedgerOnPaper, opening, releasing, reserving, settling, startMs, toppingUp } from './ledger.fixture.js';

function ledgerAfter(...commands: Command[]): LedgerOnPaper {
  const ledger = new LedgerOnPaper();
  for (const command of commands) ledger.perform(command);
  return ledger;
}

const balances = ({ account }: LedgerOnPaper) => Object.fromEntries(account.lots.map(({ lotId, balance }) => [lotId, balance]));
const refusal = (reason: string) => expect.objectContaining({ reason });

const expiring = { bucket: 'daily', tokens: 10, expiresMs: startMs + 1_000 } as const;
const fast = { bucket: 'fast', tokens: 100 } as const;

describe('a hold', () => {
  it('takes from the buckets in burn order, and within a bucket from the oldest lot', () => {
    const ledger = ledgerAfter(opening(fast, expiring), toppingUp('second', 50), toppingUp('third', 50), reserving('job', 165));
    expect(balances(ledger)).toEqual({ 'open:daily': 0, 'open:fast': 0, 'topup:second': 0, 'topup:third': 45 });
    expect(ledger.account.totals).toEqual({ granted: 210, balance: 45, held: 165, spent: 0, expired: 0 });
  });

  it('is refused without a trace when the tokens do not suffice, and says how many there are', () => {
    const ledger = ledgerAfter(opening(fast));
    expect(() => ledger.perform(reserving('job', 101))).toThrow('This job needs 101 tokens and the account has 100.');
    expect(ledger.entries).toHaveLength(1);
  });

  it('does not touch a lot that has expired', () => {
    const ledger = ledgerAfter(opening(expiring, fast), reserving('job', 5, { nowMs: startMs + 1_000 }));
    expect(ledger.account.totals).toEqual({ granted: 110, balance: 95, held: 5, spent: 0, expired: 10 });
  });

  it('is refused with a deadline that has passed', () => {
    expect(() => ledgerAfter(opening(fast), reserving('job', 1, { deadlineMs: startMs }))).toThrow(refusal('deadline_passed'));
  });

  it('may be for nothing', () => {
    const ledger = ledgerAfter(opening(fast), reserving('job', 0), settling('job', 0));
    expect(ledger.entries.map(({ kind }) => kind)).toEqual(['grant', 'hold', 'settle']);
  });

  it('is refused beyond the number that fits into memory', () => {
    const ledger = ledgerAfter(opening(fast));
    const template = ledger.perform(reserving('template', 0));
    if (template.kind !== 'hold') throw new Error('a reservation makes a hold');
    for (let n = 1; n < holdsOpenMax; n++) ledger.account.holds.set(`job-${n}`, template);
    expect(() => ledger.perform(reserving('one-too-many', 0))).toThrow(refusal('too_many_holds'));
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1_000_000_000_001])('is refused for %p tokens', (tokens) => {
    expect(() => ledgerAfter(opening(fast), reserving('job', tokens))).toThrow(refusal('invalid_amount'));
  });

  it('is the same one when it is asked for again', () => {
    const ledger = ledgerAfter(opening(fast), reserving('job', 8));
    const again = ledger.perform(reserving('job', 9, { nowMs: startMs + 5 }));
    expect(again).toBe(ledger.entries[1]);
    expect(ledger.account.totals.held).toBe(8);
  });

  it('is refused when its job id comes back with another computation', () => {
    const other = reserving('job', 8);
    if (other.kind !== 'reserve') throw new Error('not a reservation');
    expect(() => ledgerAfter(opening(fast), reserving('job', 8), { ...other, compute: { ...twoPictures, images: 4, steps: 21 } })).toThrow(
      refusal('job_id_reused'),
    );
  });
});

describe('a settlement', () => {
  it('spends in burn order and returns the rest to the lots that it came from', () => {
    const ledger = ledgerAfter(opening(fast, expiring), reserving('job', 30), settling('job', 15, { units: 2 }));
    expect(balances(ledger)).toEqual({ 'open:fast': 95 });
    expect(ledger.account.totals).toEqual({ granted: 110, balance: 95, held: 0, spent: 15, expired: 0 });
  });

  it('lets the refund to an expired lot expire', () => {
    const ledger = ledgerAfter(opening(expiring, fast), reserving('job', 20), settling('job', 4, { nowMs: startMs + 2_000 }));
    expect(ledger.account.totals).toEqual({ granted: 110, balance: 100, held: 0, spent: 4, expired: 6 });
  });

  it('does not revive an expired lot when the clock is set back', () => {
    const ledger = ledgerAfter(
      opening(expiring, fast),
      reserving('job', 5),
      toppingUp('later', 1, startMs + 2_000),
      releasing('job', { nowMs: startMs }),
    );
    expect(ledger.account.totals).toEqual({ granted: 111, balance: 101, held: 0, spent: 0, expired: 10 });
  });

  it.each<[string, Command, string]>([
    ['more tokens than are held', settling('job', 9), 'settle_exceeds_hold'],
    ['more images than were ordered', settling('job', 8, { units: 5 }), 'settle_exceeds_hold'],
    ['a negative price', settling('job', -1), 'invalid_amount'],
    ['half a token', settling('job', 0.5), 'invalid_amount'],
    ['a job that ended after its deadline', settling('job', 8, { finishedMs: startMs + 1_000_000_001 }), 'hold_expired'],
    ['a job without a hold', settling('another-job', 1), 'unknown_hold'],
  ])('is refused for %s', (_, command, reason) => {
    const ledger = ledgerAfter(opening(fast), reserving('job', 8));
    expect(() => ledger.perform(command)).toThrow(refusal(reason));
    expect(ledger.account.totals.held).toBe(8);
  });

  it.each<[string, Command, Command, string]>([
    ['a settlement of another size', settling('job', 8), settling('job', 4, { units: 2 }), 'hold_already_settled'],
    ['a release', settling('job', 8), releasing('job'), 'hold_already_settled'],
    ['a settlement after a release', releasing('job'), settling('job', 8), 'hold_released'],
    ['a settlement after the deadline returned it', releasing('job', { reason: 'hold_deadline' }), settling('job', 8), 'hold_expired'],
    ['a reservation after a release', releasing('job'), reserving('job', 8), 'job_closed'],
  ])('closes a hold once: %s is refused', (_, first, second, reason) => {
    const ledger = ledgerAfter(opening(fast), reserving('job', 8), first);
    expect(() => ledger.perform(second)).toThrow(refusal(reason));
    expect(ledger.entries).toHaveLength(3);
  });

  it.each<[string, Command]>([
    ['settlement', settling('job', 8)],
    ['release', releasing('job')],
  ])('is idempotent: a repeated %s has one effect', (_, command) => {
    const ledger = ledgerAfter(opening(fast), reserving('job', 8), command);
    expect(ledger.perform(command)).toBe(ledger.entries[2]);
    expect(ledger.entries).toHaveLength(3);
  });
});

describe('a release that overtook its reservation', () => {
  it('keeps the late reservation out', () => {
    const ledger = ledgerAfter(opening(fast), releasing('job'));
    expect(() => ledger.perform(reserving('job', 8))).toThrow(refusal('job_closed'));
    expect(ledger.account.totals).toEqual({ granted: 100, balance: 100, held: 0, spent: 0, expired: 0 });
  });

  it('is remembered once, and leaves nothing to settle', () => {
    const ledger = ledgerAfter(opening(fast), releasing('job'), releasing('job'));
    expect(ledger.entries).toHaveLength(2);
    expect(() => ledger.perform(settling('job', 1))).toThrow(refusal('unknown_hold'));
  });
});

describe('a top-up', () => {
  it('has one effect for an operation id', () => {
    const ledger = ledgerAfter(opening(fast), toppingUp('order-1', 5), toppingUp('order-1', 5));
    expect(ledger.account.totals.granted).toBe(105);
  });

  it('is refused when its operation id comes back with another amount', () => {
    expect(() => ledgerAfter(opening(fast), toppingUp('order-1', 5), toppingUp('order-1', 6))).toThrow(refusal('operation_id_reused'));
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53, 1_000_000_000_001])('is refused for %p tokens', (tokens) => {
    expect(() => ledgerAfter(opening(fast), toppingUp('order-1', tokens))).toThrow(refusal('invalid_amount'));
  });

  it('is refused when the account could no longer count its tokens', () => {
    const ledger = ledgerAfter(opening(fast));
    ledger.account.totals.granted = 1_000_000_000_000_000;
    expect(() => ledger.perform(toppingUp('order-1', 1))).toThrow(refusal('invalid_amount'));
  });

  it('is refused when too many grants lie unspent', () => {
    const ledger = ledgerAfter(opening(fast));
    for (let n = 1; n < lotsMax; n++) ledger.perform(toppingUp(`order-${n}`, 1));
    expect(() => ledger.perform(toppingUp('one-too-many', 1))).toThrow(refusal('too_many_lots'));
  });
});

describe('the chain of entries', () => {
  it('never runs backwards in time, even when the clock does', () => {
    const ledger = ledgerAfter(opening(fast), toppingUp('a', 1, startMs + 10), toppingUp('b', 1, startMs - 10));
    expect(ledger.entries.map(({ createdMs }) => createdMs - startMs)).toEqual([0, 10, 10]);
  });

  it('gives every entry a hash of its own that depends on all before it', () => {
    const one = ledgerAfter(opening(fast), toppingUp('a', 1), toppingUp('b', 1));
    const other = ledgerAfter(opening(fast), toppingUp('a', 2), toppingUp('b', 1));
    expect(new Set([...one.entries, ...other.entries].map(({ hash }) => hash)).size).toBe(5);
  });
});
