import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { audited, hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { PriceList } from '../catalogue/catalogue.js';
import type { Wallet } from '../wallets.js';

const refusal = (reason: string) => expect.objectContaining({ reason });

describe('API credits', () => {
  let billing: TestBilling;
  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'artisan');
  });
  afterEach(() => billing.close());

  const reserve = (jobId: string, wallet: Wallet, accountId = 'acme', memberId?: string) =>
    billing.reservations.reserve(
      accountId,
      jobId,
      twoPictures,
      billing.clock.now() + hourMs,
      memberId === undefined ? {} : { memberId },
      wallet,
    );
  const credits = async (accountId = 'acme') => (await billing.accounts.get(accountId)).credits?.totals;

  it('lie in a wallet of their own, which the first purchase opens', async () => {
    expect(await credits()).toBeUndefined();
    const account = await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    expect(account).toMatchObject({ totals: { balance: 25_000 }, credits: { totals: { granted: 1_000, balance: 1_000 } } });
    await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    expect(await credits()).toMatchObject({ granted: 1_000 });
  });

  it('pay for a job at prices of their own, and leave the tokens alone', async () => {
    await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    const inTokens = await billing.reservations.quote(twoPictures, 'acme', 'plan');
    const { bill, balanceTokens } = await reserve('job', 'credits');
    expect(bill).toMatchObject({ accountId: 'acme', wallet: 'credits', state: 'held', quote: { wallet: 'credits' } });
    expect(bill.quote).toEqual(await billing.reservations.quote(twoPictures, 'acme', 'credits'));
    expect(bill.heldTokens).toBeGreaterThan(inTokens.totalTokens);
    expect(balanceTokens).toBe(1_000 - bill.heldTokens);
    const settled = await billing.reservations.settle('acme', 'job', 1);
    expect(settled).toMatchObject({ wallet: 'credits', state: 'settled' });
    expect(settled.chargedTokens + settled.returnedTokens).toBe(settled.heldTokens);
    expect(await billing.accounts.get('acme')).toMatchObject({
      totals: { balance: 25_000, spent: 0 },
      credits: { totals: { spent: settled.chargedTokens } },
    });
    expect((await billing.statements.bill('acme', 'job', 0)).bill).toEqual(settled);
  });

  it('keep a job in the wallet that held for it, whatever a repeat names', async () => {
    await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    await reserve('in-tokens', 'plan');
    await reserve('in-credits', 'credits');
    expect((await reserve('in-tokens', 'credits')).bill.wallet).toBe('plan');
    expect((await reserve('in-credits', 'plan')).bill.wallet).toBe('credits');
    await billing.settlement.close({
      accountId: 'acme',
      jobId: 'in-credits',
      state: 'failed',
      unitsDelivered: 0,
      finishedMs: billing.clock.now(),
    });
    expect(await credits()).toMatchObject({ held: 0, balance: 1_000 });
  });

  it('never hold for a job that the plan holds for at the same moment', async () => {
    await billing.accounts.topUp('acme', 'order-1', 100_000, 'credits');
    for (let n = 0; n < 20; n++) {
      const bills = await Promise.all((['plan', 'credits', 'plan', 'credits'] as const).map((wallet) => reserve(`job-${n}`, wallet)));
      expect(new Set(bills.map(({ bill }) => bill.wallet)).size).toBe(1);
    }
    const { openHolds, credits: bought } = await billing.accounts.get('acme');
    expect(openHolds + (bought?.openHolds ?? 0)).toBe(20);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => [
        billing.reservations.settle('acme', `job-${n}`, 2),
        billing.reservations.settle('acme', `job-${n}`, 2),
      ]).flat(),
    );
    expect((await audited(billing.audit)).findings).toEqual([]);
    expect(
      (await billing.usage.by('acme', 'job', { fromMs: 0, toMs: 0 })).total.jobs +
        (await billing.usage.by('acme.credits', 'job', { fromMs: 0, toMs: 0 })).total.jobs,
    ).toBe(20);
  });

  it('are all that an account without a plan pays with', async () => {
    await billing.accounts.open('robot', 'api');
    await expect(reserve('job', 'plan', 'robot')).rejects.toEqual(refusal('insufficient_credits'));
    await billing.payments.apply('manual', { kind: 'packPaid', paymentId: 'inv-1', accountId: 'robot', pack: 'api-small' });
    expect((await reserve('job', 'plan', 'robot')).bill.wallet).toBe('credits');
    await expect(billing.accounts.topUp('robot', 'order', 5)).rejects.toEqual(refusal('plan_forbids_topups'));
  });

  it('go back with their payment, as far as nobody has spent them', async () => {
    await billing.payments.apply('manual', { kind: 'packPaid', paymentId: 'inv-1', accountId: 'acme', pack: 'api-small' });
    await reserve('job', 'credits');
    const { chargedTokens } = await billing.reservations.settle('acme', 'job', 2);
    await billing.payments.apply('manual', { kind: 'packRefunded', paymentId: 'inv-1' });
    expect(await credits()).toMatchObject({ granted: chargedTokens, spent: chargedTokens, balance: 0 });
  });

  it('come cheaper in larger packs', () => {
    const packs = Object.values(PriceList.bundled().newest.apiCredits?.packs ?? {}).map(({ tokens, priceCents }) => priceCents / tokens);
    expect(packs).toEqual([...packs].sort((a, b) => b - a));
    expect(packs.length).toBeGreaterThan(1);
  });

  it('are refused when there are too few, and leave no trace', async () => {
    await billing.accounts.topUp('acme', 'order-1', 3, 'credits');
    await expect(reserve('job', 'credits')).rejects.toEqual(refusal('insufficient_credits'));
    expect(await credits()).toMatchObject({ balance: 3, held: 0 });
  });

  it('are spent by members of the account only', async () => {
    await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    await billing.accounts.configure('acme', 'seat', { kind: 'member', memberId: 'ann', capTokens: null });
    expect((await reserve('hers', 'credits', 'acme', 'ann')).bill.state).toBe('held');
    await expect(reserve('his', 'credits', 'acme', 'bob')).rejects.toEqual(refusal('unknown_member'));
  });

  it('tell when they run low, and cannot be capped by a cycle', async () => {
    await billing.accounts.topUp('acme', 'order-1', 20, 'credits');
    await billing.accounts.configure('acme', 'alert', { kind: 'limits', lowBalanceTokens: 15 }, 'credits');
    expect((await billing.accounts.get('acme')).credits?.settings.lowBalanceTokens).toBe(15);
    await expect(billing.accounts.configure('acme', 'cap', { kind: 'limits', spendCapTokens: 5 }, 'credits')).rejects.toEqual(
      refusal('invalid_field'),
    );
  });

  it('have ledgerReports, and an audit and a reconciliation that go through them', async () => {
    await billing.accounts.topUp('acme', 'order-1', 1_000, 'credits');
    await reserve('job', 'credits');
    const { chargedTokens } = await billing.reservations.settle('acme', 'job', 2);
    billing.generation.add('job', 2, billing.clock.now());
    billing.clock.advance(hourMs);
    expect((await billing.usage.by('acme.credits', 'job', { fromMs: 0, toMs: 0 })).total.tokens).toBe(chargedTokens);
    const { findings, summary } = await audited(billing.audit, 'acme');
    expect([findings, summary.accounts, summary.creditWallets]).toEqual([[], 1, 1]);
    expect(summary).toMatchObject({ spent: 0, granted: 25_000, credits: { granted: 1_000, spent: chargedTokens } });
    const results = [];
    for await (const result of billing.reconciliation.run('', new AbortController().signal)) results.push(result);
    expect(results).toEqual([{ summary: { accounts: 1, jobs: 1, settlements: 1, findings: 0 } }]);
  });

  it('cannot be opened as an account by name', async () => {
    await expect(billing.accounts.open('acme.credits', 'artisan')).rejects.toEqual(refusal('invalid_id'));
  });
});

describe('an account with clocks of its own', () => {
  it('gets its daily tokens at its own midnight', async () => {
    const billing = await openBilling();
    try {
      const { dueMs } = await billing.accounts.open('tokyo', 'free', undefined, 9 * 60);
      expect(new Date(dueMs ?? 0).toISOString()).toBe('2026-01-01T15:00:00.000Z');
      billing.clock.advance(15 * hourMs);
      expect((await billing.accounts.get('tokyo')).dueMs).toBe(Date.UTC(2026, 0, 2, 15));
      await expect(billing.accounts.open('nowhere', 'free', undefined, 1_000)).rejects.toEqual(refusal('invalid_field'));
      expect((await audited(billing.audit)).findings).toEqual([]);
    } finally {
      await billing.close();
    }
  });
});
