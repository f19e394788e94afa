import { describe, expect, it } from '@jest/globals';
import { bucketBalances, spendableTokens } from './account.js';
import {
  artisan,
  cancelling,
  LedgerOnPaper,
  maestro,
  pausing,
  changingTo,
  reserving,
  resuming,
  settling,
  startMs,
  subscribing,
} from './ledger.fixture.js';

const on = (month: number, day: number) => Date.UTC(2026, month - 1, day);
const refusal = (reason: string) => expect.objectContaining({ reason });
const buckets = ({ account }: LedgerOnPaper) =>
  Object.fromEntries(bucketBalances(account).map(({ bucket, balanceTokens }) => [bucket, balanceTokens]));

describe('a paused plan', () => {
  const paused = (resumesMs?: number) => {
    const ledger = new LedgerOnPaper();
    ledger.perform(subscribing(artisan));
    ledger.perform(pausing(on(1, 10), resumesMs));
    return ledger;
  };

  it('runs to the end of its month, then rests on the free plan with a frozen bank', () => {
    const ledger = paused();
    expect(ledger.account).toMatchObject({ plan: 'artisan', subscription: { next: { pause: {} } } });
    ledger.comeDue(on(2, 1));
    expect(ledger.account).toMatchObject({ plan: 'free', subscription: { paused: { terms: artisan } } });
    expect(buckets(ledger)).toEqual({ daily: 15, rollover: 100 });
    expect(spendableTokens(ledger.account)).toBe(15);
  });

  it('goes on when asked to, under its old terms, with a new cycle and its bank', () => {
    const ledger = paused();
    ledger.perform(resuming(on(5, 7)));
    expect(ledger.account.subscription).toMatchObject({ terms: artisan, startedMs: on(5, 7), renewsMs: on(6, 7) });
    expect(ledger.account.subscription).not.toHaveProperty('paused');
    expect(buckets(ledger)).toEqual({ daily: 15, fast: 100, rollover: 100 });
  });

  it('goes on by itself on the day that was named, to the millisecond', () => {
    const ledger = paused(on(4, 3) + 1);
    ledger.comeDue(on(4, 3));
    expect(ledger.account.plan).toBe('free');
    ledger.comeDue(on(4, 3) + 1);
    expect(ledger.account.subscription).toMatchObject({ terms: artisan, startedMs: on(4, 3) + 1 });
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 100 });
  });

  it('goes on at the day that was named also when nobody looked for months, and makes up the months since', () => {
    const ledger = paused(on(4, 3));
    ledger.comeDue(on(6, 20));
    const cycles = ledger.entries.flatMap((entry) =>
      entry.kind === 'renewal' ? [new Date(entry.subscription.startedMs).toISOString().slice(0, 10)] : [],
    );
    expect(cycles).toEqual(['2026-02-01', '2026-04-03', '2026-05-03', '2026-06-03']);
    expect(buckets(ledger)).toEqual({ fast: 100, rollover: 300 });
  });

  it('costs its holder no tokens that a job held before the pause', () => {
    const ledger = new LedgerOnPaper();
    for (const command of [subscribing(artisan), reserving('job', 60, { deadlineMs: on(3, 1) }), pausing(on(1, 10))])
      ledger.perform(command);
    ledger.perform(settling('job', 20, { nowMs: on(2, 2) }));
    expect(buckets(ledger)).toEqual({ daily: 15, rollover: 80 });
  });

  it('is taken back before it begins', () => {
    const ledger = paused();
    ledger.perform(resuming(on(1, 20)));
    ledger.comeDue(on(2, 1));
    expect(ledger.account.plan).toBe('artisan');
  });

  it('ends for good with a cancellation, and its bank with it', () => {
    const ledger = paused();
    ledger.perform(cancelling(on(3, 5)));
    ledger.comeDue(on(3, 6));
    expect(buckets(ledger)).toEqual({ daily: 15 });
    expect(() => ledger.perform(resuming(on(3, 7)))).toThrow(refusal('nothing_to_resume'));
  });

  it('gives way to another plan that is taken meanwhile', () => {
    const ledger = paused(on(4, 3));
    ledger.perform(changingTo(maestro, on(3, 5)));
    ledger.comeDue(on(4, 4));
    expect(ledger.account).toMatchObject({ plan: 'maestro', subscription: { startedMs: on(3, 5) } });
  });

  it('is paused once for an operation id, and refused where nothing can rest', () => {
    const ledger = paused();
    const known = ledger.entries.length;
    ledger.perform(pausing(on(1, 10)));
    expect(ledger.entries).toHaveLength(known);
    expect(() => ledger.perform(pausing(on(1, 10), on(9, 1)))).toThrow(refusal('operation_id_reused'));
    expect(() => ledger.perform(pausing(on(1, 11)))).toThrow(refusal('nothing_to_pause'));
    expect(() => new LedgerOnPaper().perform({ ...resuming(startMs) })).toThrow(refusal('nothing_to_resume'));
  });

  it('cannot go on before its month has ended', () => {
    const ledger = new LedgerOnPaper();
    ledger.perform(subscribing(artisan));
    expect(() => ledger.perform(pausing(on(1, 10), on(1, 20)))).toThrow(refusal('resumes_too_early'));
  });
});
