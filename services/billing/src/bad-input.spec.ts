import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { audited, hourMs, openBilling, twoPictures, type TestBilling } from './billing.fixture.js';
import { canonical } from './ledger/hash.js';
import { tokensMax } from './ledger/granting.js';

/** What nobody may ask, wallet by wallet: each time a refusal with a stable reason, and an account that is what it was, entry by entry. */
describe.each(['plan', 'credits'] as const)('the wallet of %s', (wallet) => {
  let billing: TestBilling;
  const ledgerId = wallet === 'plan' ? 'acme' : 'acme.credits';
  const deadlineMs = () => billing.clock.now() + hourMs;

  beforeAll(async () => {
    billing = await openBilling();
    for (const accountId of ['acme', 'other']) {
      await billing.accounts.open(accountId, 'artisan');
      await billing.accounts.topUp(accountId, 'order', 1_000, wallet);
    }
    const reserve = (accountId: string, jobId: string, aheadMs = hourMs) =>
      billing.reservations.reserve(accountId, jobId, twoPictures, billing.clock.now() + aheadMs, {}, wallet);
    await reserve('acme', 'late', 1_000);
    billing.clock.advance(2_000);
    await reserve('acme', 'open');
    await reserve('acme', 'settled');
    await billing.reservations.settle('acme', 'settled', 2);
    await reserve('acme', 'released');
    await billing.reservations.release('acme', 'released', 'failed');
    await reserve('other', 'theirs');
  });
  afterAll(() => billing.close());

  const amounts = [-1, 0, 0.5, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, tokensMax + 1, 2 ** 53, 1e308].map(
    (tokens): [string, () => Promise<unknown>, string] => [
      `a top-up of ${tokens}`,
      () => billing.accounts.topUp('acme', 'another-order', tokens, wallet),
      'invalid_amount',
    ],
  );
  const pictures = [-1, 0.5, Number.NaN, 1_000_001, 2 ** 53].map((units): [string, () => Promise<unknown>, string] => [
    `a settlement of ${units} units`,
    () => billing.reservations.settle('acme', 'open', units),
    'invalid_field',
  ]);
  const sizes = [-512, 0, 0.5, Number.NaN, 1e9].map((widthPx): [string, () => Promise<unknown>, string] => [
    `a job ${widthPx} pixels wide`,
    () => billing.reservations.reserve('acme', 'new', { ...twoPictures, widthPx }, deadlineMs(), {}, wallet),
    'invalid_field',
  ]);

  it.each<[string, () => Promise<unknown>, string]>([
    ...amounts,
    ...pictures,
    ...sizes,
    ['more pictures than were ordered', () => billing.reservations.settle('acme', 'open', 3), 'settle_exceeds_hold'],
    ['a settlement after the release', () => billing.reservations.settle('acme', 'released', 2), 'hold_released'],
    ['a release after the settlement', () => billing.reservations.release('acme', 'settled', 'failed'), 'hold_already_settled'],
    ['a second settlement that differs', () => billing.reservations.settle('acme', 'settled', 1), 'hold_already_settled'],
    ['a job that ended past the deadline of its hold', () => billing.reservations.settle('acme', 'late', 2), 'hold_expired'],
    ["another account's hold", () => billing.reservations.settle('acme', 'theirs', 2), 'unknown_hold'],
    ['a hold that never was', () => billing.reservations.settle('acme', 'nothing', 2), 'unknown_hold'],
    [
      'a reservation whose deadline has passed',
      () => billing.reservations.reserve('acme', 'new', twoPictures, billing.clock.now() - 1, {}, wallet),
      'deadline_passed',
    ],
    [
      'a deadline without end',
      () => billing.reservations.reserve('acme', 'new', twoPictures, Number.POSITIVE_INFINITY, {}, wallet),
      'invalid_field',
    ],
    [
      'the same job with another body',
      () => billing.reservations.reserve('acme', 'open', { ...twoPictures, images: 1 }, deadlineMs(), {}, wallet),
      'job_id_reused',
    ],
    ['the same operation with another amount', () => billing.accounts.topUp('acme', 'order', 999, wallet), 'operation_id_reused'],
    ['the reversal of a lot that is unknown', () => billing.accounts.reverse('acme', 'topup:unknown', wallet), 'unknown_operation'],
    ['the reversal of what is none to be reversed', () => billing.accounts.reverse('acme', 'open', wallet), 'unknown_operation'],
    ["an account id with a store's separator", () => billing.accounts.topUp('acme:hold', 'x', 1, wallet), 'invalid_id'],
    ['an account that does not exist', () => billing.accounts.topUp('nobody', 'x', 1, wallet), 'unknown_account'],
    [
      'a low-balance limit below nothing',
      () => billing.accounts.configure('acme', 'limit', { kind: 'limits', lowBalanceTokens: -1 }, wallet),
      'invalid_amount',
    ],
  ])('refuses %s and stays what it was', async (_, ask, reason) => {
    const before = await billing.documents.image(ledgerId);
    await expect(ask()).rejects.toMatchObject({ reason });
    expect(canonical(await billing.documents.image(ledgerId))).toBe(canonical(before));
  });

  it('is sound after all that', async () => {
    expect((await audited(billing.audit)).findings).toEqual([]);
  });
});
