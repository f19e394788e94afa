import { describe, expect, it } from '@jest/globals';
import { bucketBalances, spendableTokens } from './account.js';
import { monthsAfter, nextMidnightMs } from './calendar.js';
import type { Command } from './commands.js';
import { nextDue } from './ledger.js';
import {
  artisan,
  cancelling,
  changingTo,
  configuring,
  free,
  LedgerOnPaper,
  maestro,
  planTerms,
  releasing,
  reserving,
  settling,
  startMs,
  subscribing,
  toppingUp,
} from './ledger.fixture.js';

const dayMs = 86_400_000;
const on = (month: number, day: number, hour = 0) => Date.UTC(2026, month - 1, day, hour);

function ledgerAfter(...commands: Command[]): LedgerOnPaper {
  const ledger = new LedgerOnPaper();
  for (const command of commands) ledger.perform(command);
  return ledger;
}

function until(ledger: LedgerOnPaper, nowMs: number): LedgerOnPaper {
  ledger.comeDue(nowMs);
  return ledger;
}

const buckets = ({ account }: LedgerOnPaper) =>
  Object.fromEntries(bucketBalances(account).map(({ bucket, balanceTokens }) => [bucket, balanceTokens]));
const refusal = (reason: string) => expect.objectContaining({ reason });

describe('the calendar', () => {
  it.each([
    ['2026-01-31T10:30:00.000Z', 1, '2026-02-28T10:30:00.000Z'],
    ['2026-01-31T10:30:00.000Z', 2, '2026-03-31T10:30:00.000Z'],
    ['2027-12-31T23:59:59.999Z', 2, '2028-02-29T23:59:59.999Z'],
    ['2028-02-29T00:00:00.000Z', 12, '2029-02-28T00:00:00.000Z'],
    ['2028-02-29T00:00:00.000Z', 48, '2032-02-29T00:00:00.000Z'],
    ['2026-11-15T08:00:00.000Z', 2, '2027-01-15T08:00:00.000Z'],
  ])('counts months from %s: %i later it is %s', (anchor, months, expected) => {
    expect(new Date(monthsAfter(Date.parse(anchor), months)).toISOString()).toBe(expected);
  });

  it('takes midnight for the beginning of a day', () => {
    expect(nextMidnightMs(on(1, 31))).toBe(on(2, 1));
    expect(nextMidnightMs(on(2, 1) - 1)).toBe(on(2, 1));
  });
});

describe('a renewal', () => {
  it('moves what the month left over into the bank, and begins with the full allowance', () => {
    const ledger = until(ledgerAfter(subscribing(artisan), reserving('job', 30), settling('job', 30)), on(2, 1));
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 70 });
    expect(ledger.account.subscription?.renewsMs).toBe(on(3, 1));
  });

  it('fills the bank up to its cap; what exceeds it expires', () => {
    const ledger = until(ledgerAfter(subscribing(artisan)), on(6, 1));
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 300 });
    expect(ledger.account.totals).toEqual({ granted: 600, balance: 400, held: 0, spent: 0, expired: 200 });
  });

  it('keeps to the day of the month across short months', () => {
    const ledger = ledgerAfter(subscribing(artisan, on(1, 31)));
    until(ledger, on(5, 1));
    const due = ledger.entries.flatMap((entry) => (entry.kind === 'renewal' ? [new Date(entry.dueMs).toISOString().slice(0, 10)] : []));
    expect(due).toEqual(['2026-02-28', '2026-03-31', '2026-04-30']);
  });

  it('is made up month by month after a long stop, and once', () => {
    const ledger = until(ledgerAfter(subscribing(artisan)), on(4, 20));
    until(ledger, on(4, 20));
    expect(ledger.entries.map(({ kind }) => kind)).toEqual(['grant', 'renewal', 'renewal', 'renewal']);
  });

  it('does not happen a millisecond early', () => {
    expect(nextDue(ledgerAfter(subscribing(artisan)).account, on(2, 1) - 1)).toBeUndefined();
  });

  it('sends the refund of an older job to the bank that its lot went to, as far as there is room', () => {
    const ledger = until(
      ledgerAfter(subscribing(planTerms('tight', { seatBankTokens: 50 })), reserving('job', 80, { deadlineMs: on(3, 1) })),
      on(2, 1),
    );
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 20 });
    ledger.perform(releasing('job', { nowMs: on(2, 2) }));
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 50 });
    expect(ledger.account.totals.expired).toBe(50);
  });

  it('drops the seats of members who left, down to the smallest team', () => {
    const team = planTerms('team', { seats: 5, seatsMin: 3, membersMax: 5, seatTokens: 10, seatBankTokens: 30 });
    const joining = ['ann', 'bob', 'cat', 'dan'].map((memberId) => configuring({ kind: 'member', memberId, capTokens: null }));
    const ledger = until(ledgerAfter(subscribing(team), ...joining), on(2, 1));
    expect(ledger.account.subscription?.terms.seats).toBe(4);
    expect(buckets(ledger)).toEqual({ fast: 40, rollover: 50 });
  });
});

describe('the daily allowance', () => {
  it('is reset at midnight, not added to', () => {
    const ledger = until(ledgerAfter(subscribing(free, on(1, 1, 20)), reserving('job', 5, { nowMs: on(1, 1, 21) })), on(1, 2));
    expect(buckets(ledger)).toEqual({ daily: 15 });
    expect(ledger.account.totals).toEqual({ granted: 30, balance: 15, held: 5, spent: 0, expired: 10 });
  });

  it('is not made up for days that were missed', () => {
    const ledger = until(ledgerAfter(subscribing(free)), startMs + 7 * dayMs + 5);
    expect(ledger.entries.map(({ kind }) => kind)).toEqual(['grant', 'expire', 'renewal']);
    expect(ledger.account.subscription?.renewsMs).toBe(startMs + 8 * dayMs);
  });

  it("does not come back when yesterday's job is released", () => {
    const ledger = until(ledgerAfter(subscribing(free), reserving('job', 5)), startMs + dayMs);
    ledger.perform(releasing('job', { nowMs: startMs + dayMs + 1 }));
    expect(buckets(ledger)).toEqual({ daily: 15 });
  });
});

describe('a change of plan', () => {
  it('counts an upgrade at once, for the rest of the cycle, and keeps the anniversary', () => {
    const half = startMs + (on(2, 1) - startMs) / 2;
    const ledger = ledgerAfter(subscribing(artisan), changingTo(maestro, half));
    expect(buckets(ledger)).toEqual({ fast: 170 });
    expect(ledger.account.plan).toBe('maestro');
    expect(buckets(until(ledger, on(2, 1)))).toEqual({ fast: 240, rollover: 170 });
  });

  it('rounds the share of an upgrade down', () => {
    const ledger = ledgerAfter(subscribing(artisan), changingTo(maestro, on(2, 1) - 1));
    expect(ledger.account.totals.granted).toBe(100);
  });

  it('lets a downgrade wait for the renewal, and shrinks the bank then', () => {
    const ledger = ledgerAfter(subscribing(maestro), changingTo(artisan, on(1, 10)));
    expect(ledger.account.plan).toBe('maestro');
    expect(buckets(until(ledger, on(2, 1)))).toEqual({ fast: 100, rollover: 240 });
    expect(buckets(until(ledger, on(3, 1)))).toEqual({ fast: 100, rollover: 300 });
  });

  it('takes a planned change back when the present plan is named', () => {
    const ledger = ledgerAfter(subscribing(maestro), changingTo(artisan, on(1, 10)), changingTo(maestro, on(1, 11)));
    expect(until(ledger, on(2, 1)).account.plan).toBe('maestro');
  });

  it('gives the full allowance when the free plan is left, on the new anniversary', () => {
    const ledger = ledgerAfter(subscribing(free), changingTo(artisan, on(1, 10, 12)));
    expect(buckets(ledger)).toEqual({ daily: 15, fast: 100 });
    expect(ledger.account.subscription?.renewsMs).toBe(on(2, 10, 12));
    expect(buckets(until(ledger, on(1, 11)))).toEqual({ fast: 100 });
  });

  it('freezes the bank on a downgrade to the free plan, and thaws it when the account pays again', () => {
    const ledger = until(ledgerAfter(subscribing(artisan), changingTo(free, on(1, 10))), on(2, 1));
    expect(buckets(ledger)).toEqual({ daily: 15, rollover: 100 });
    expect(spendableTokens(ledger.account)).toBe(15);
    expect(() => ledger.perform(reserving('job', 16, { nowMs: on(2, 1), deadlineMs: on(3, 1) }))).toThrow(refusal('insufficient_tokens'));
    ledger.perform(changingTo(artisan, on(2, 2)));
    expect(spendableTokens(ledger.account)).toBe(215);
  });

  it('is refused when nothing would change', () => {
    expect(() => ledgerAfter(subscribing(artisan), changingTo(artisan, startMs))).toThrow(refusal('plan_unchanged'));
  });

  it('has one effect for an operation id, and is refused when the id comes back for another plan', () => {
    const ledger = ledgerAfter(subscribing(artisan), changingTo(maestro, on(1, 10), 'up'), changingTo(maestro, on(1, 12), 'up'));
    expect(ledger.entries).toHaveLength(2);
    expect(() => ledger.perform(changingTo(free, on(1, 13), 'up'))).toThrow(refusal('operation_id_reused'));
  });
});

describe('a cancellation', () => {
  it('lets the plan run to its end, then the bank expires and packs stay', () => {
    const ledger = until(ledgerAfter(subscribing(artisan), toppingUp('pack', 40)), on(2, 1));
    ledger.perform(cancelling(on(2, 5)));
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 100, topup: 40 });
    expect(buckets(until(ledger, on(3, 1)))).toEqual({ daily: 15, topup: 40 });
  });

  it('does not revive what a job still held', () => {
    const ledger = ledgerAfter(subscribing(artisan), reserving('job', 60, { deadlineMs: on(4, 1) }), cancelling(on(1, 5)));
    until(ledger, on(2, 1)).perform(releasing('job', { nowMs: on(2, 1) }));
    expect(buckets(ledger)).toEqual({ daily: 15 });
  });

  it('is refused without a plan that renews each month', () => {
    expect(() => ledgerAfter(subscribing(free), cancelling(startMs))).toThrow(refusal('nothing_to_cancel'));
  });
});

describe('packs', () => {
  it('are for paying plans only', () => {
    expect(() => ledgerAfter(subscribing(free), toppingUp('pack', 10))).toThrow(refusal('plan_forbids_topups'));
  });

  it('are taken back as far as nobody has spent them, once', () => {
    const ledger = ledgerAfter(subscribing(artisan), toppingUp('pack', 40), reserving('job', 110), settling('job', 105));
    const reversing: Command = { kind: 'reverse', reversedOperationId: 'topup:pack', charged: [], nowMs: startMs };
    ledger.perform(reversing);
    ledger.perform(reversing);
    expect(ledger.account.totals).toEqual({ granted: 105, balance: 0, held: 0, spent: 105, expired: 0 });
  });

  it('do not get back what a job held when they were taken back', () => {
    const ledger = ledgerAfter(subscribing(artisan), toppingUp('pack', 40), reserving('job', 110));
    ledger.perform({ kind: 'reverse', reversedOperationId: 'topup:pack', charged: [], nowMs: startMs });
    ledger.perform(releasing('job'));
    expect(buckets(ledger)).toEqual({ fast: 100 });
  });
});

describe('a reversed charge', () => {
  it('comes back as a new entry and a lot that does not expire', () => {
    const ledger = ledgerAfter(subscribing(artisan), reserving('job', 100), settling('job', 100));
    const charged = ledger.entries.at(-1)?.postings.filter(({ ledgerAccount }) => ledgerAccount === 'spent') ?? [];
    ledger.perform({ kind: 'reverse', reversedOperationId: 'close:job', charged, nowMs: startMs });
    expect(buckets(ledger)).toEqual({ topup: 100 });
    expect(ledger.account.totals).toEqual({ granted: 100, balance: 100, held: 0, spent: 0, expired: 0 });
  });
});

describe('the relaxed lane', () => {
  it('takes a job that the buckets cannot pay, for nothing, when the plan has one', () => {
    const ledger = ledgerAfter(subscribing(maestro), reserving('job', 241));
    expect(ledger.entries[1]).toMatchObject({ kind: 'hold', lane: 'relaxed', postings: [] });
    ledger.perform(settling('job', 0));
    expect(ledger.account.totals.balance).toBe(240);
  });

  it('does not keep a job that can be paid', () => {
    expect(ledgerAfter(subscribing(maestro), reserving('job', 240)).entries[1]).toMatchObject({ lane: 'fast' });
  });

  it('refuses to charge for what it took for nothing', () => {
    expect(() => ledgerAfter(subscribing(maestro), reserving('job', 241), settling('job', 1))).toThrow(refusal('settle_exceeds_hold'));
  });
});

describe('caps', () => {
  const asMember = (command: Command, memberId: string): Command => (command.kind === 'reserve' ? { ...command, memberId } : command);

  it("count what is held and spent in the cycle against a member's cap", () => {
    const ledger = ledgerAfter(
      subscribing(artisan),
      configuring({ kind: 'member', memberId: 'ann', capTokens: 20 }),
      asMember(reserving('one', 15), 'ann'),
    );
    expect(() => ledger.perform(asMember(reserving('two', 6), 'ann'))).toThrow(refusal('member_cap_reached'));
    ledger.perform(settling('one', 10));
    ledger.perform(asMember(reserving('two', 10), 'ann'));
    expect(ledger.account.usage).toMatchObject({ tokens: 20, byMember: { ann: 20 } });
  });

  it('begin anew with the cycle, and an older job does not count in the new one', () => {
    const ledger = ledgerAfter(
      subscribing(artisan),
      configuring({ kind: 'limits', spendCapTokens: 50 }),
      reserving('old', 50, { deadlineMs: on(3, 1) }),
    );
    expect(() => ledger.perform(reserving('more', 1))).toThrow(refusal('spend_cap_reached'));
    ledger.perform(reserving('new', 50, { nowMs: on(2, 1), deadlineMs: on(3, 1) }));
    ledger.perform(releasing('old', { nowMs: on(2, 2) }));
    expect(ledger.account.usage.tokens).toBe(50);
  });

  it('know only members who have a seat', () => {
    const ledger = ledgerAfter(
      subscribing(planTerms('solo', { membersMax: 1 })),
      configuring({ kind: 'member', memberId: 'ann', capTokens: null }),
    );
    expect(() => ledger.perform(configuring({ kind: 'member', memberId: 'bob', capTokens: null }))).toThrow(refusal('no_seat_free'));
    expect(() => ledger.perform(asMember(reserving('job', 1), 'bob'))).toThrow(refusal('unknown_member'));
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('are refused at %p tokens', (tokens) => {
    expect(() => ledgerAfter(subscribing(artisan), configuring({ kind: 'limits', spendCapTokens: tokens }))).toThrow(
      refusal('invalid_amount'),
    );
  });
});
