import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { audited, hourMs, openBilling, twoPictures, type TestBilling } from '../billing.fixture.js';
import { checkoutEvent, deliver, disputeEvent, refundEvent, subscriptionEvent, type StripeEvent } from './stripe.fixture.js';

describe('payments for packs', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'free');
  });

  afterEach(() => billing.close());

  const tell = (event: StripeEvent) => deliver(billing, event);
  const packTokens = async () => {
    const { buckets } = await billing.accounts.get('acme');
    const [live, frozen] = [false, true].map(
      (isFrozen) => buckets.find((each) => each.bucket === 'topup' && each.isFrozen === isFrozen)?.balanceTokens ?? 0,
    );
    return { live, frozen };
  };
  const state = async (id = 'stripe:pi_1') => (await billing.paymentDocuments.payment(id))?.value.state;
  const findings = async () => (await audited(billing.audit)).findings;

  describe('that go back in part', () => {
    beforeEach(async () => {
      await billing.accounts.changePlan('acme', 'up', 'artisan');
      await tell(checkoutEvent('pi_1', 'medium'));
    });

    it('take back in proportion, as often as the sum grows, and in the end all of it', async () => {
      expect(await tell(refundEvent('pi_1', 500))).toBe('applied');
      expect([await packTokens(), await state()]).toEqual([{ live: 6_375, frozen: 0 }, 'partly_refunded']);
      expect(await tell(refundEvent('pi_1', 500))).toBe('repeated');
      await tell(refundEvent('pi_1', 1_000));
      expect(await tell(refundEvent('pi_1', 500))).toBe('repeated');
      expect(await packTokens()).toEqual({ live: 4_250, frozen: 0 });
      await tell(refundEvent('pi_1', 2_000));
      expect([await packTokens(), await state()]).toEqual([{ live: 0, frozen: 0 }, 'refunded']);
      expect(await findings()).toEqual([]);
    });

    it('take what jobs still hold when they return it', async () => {
      // The month's allowance burns first.
      const { totals } = await billing.accounts.get('acme');
      const all = { ...twoPictures, widthPx: 4_096, heightPx: 4_096, steps: 150, images: 20 };
      let jobs = 0;
      for (; jobs < 100; jobs++) {
        const left = (await billing.accounts.get('acme')).totals.balance;
        if (left < 1_000) break;
        await billing.reservations.reserve(
          'acme',
          `job-${jobs}`,
          { ...all, images: Math.max(1, Math.min(20, Math.floor(left / 1_500))) },
          billing.clock.now() + hourMs,
        );
      }
      const before = (await billing.accounts.get('acme')).totals;
      await tell(refundEvent('pi_1', 1_000));
      billing.clock.advance(2 * hourMs);
      await billing.dueWork.sweep();
      const after = (await billing.accounts.get('acme')).totals;
      expect(before.held).toBeGreaterThan(4_250);
      expect([after.held, (await packTokens()).live, after.balance]).toEqual([0, 4_250, totals.balance - 4_250]);
      expect(await findings()).toEqual([]);
    });
  });

  describe('that are disputed', () => {
    beforeEach(async () => {
      await billing.accounts.changePlan('acme', 'up', 'artisan');
      await tell(checkoutEvent('pi_1', 'medium'));
      await tell(disputeEvent('pi_1', 'needs_response'));
    });

    it('lie still meanwhile: seen, and spent by no job', async () => {
      expect([await packTokens(), await state()]).toEqual([{ live: 0, frozen: 8_500 }, 'disputed']);
      const { frozenTokens } = await billing.accounts.get('acme');
      expect(frozenTokens).toBe(8_500);
      expect(await tell(disputeEvent('pi_1', 'needs_response'))).toBe('repeated');
    });

    it('are there again when the dispute is won', async () => {
      await tell(disputeEvent('pi_1', 'won'));
      expect([await packTokens(), await state()]).toEqual([{ live: 8_500, frozen: 0 }, 'paid']);
      expect(await tell(disputeEvent('pi_1', 'needs_response'))).toBe('outdated');
      expect(await findings()).toEqual([]);
    });

    it('go back when it is lost, in proportion', async () => {
      await tell(disputeEvent('pi_1', 'lost', 1_000));
      expect([await packTokens(), await state()]).toEqual([{ live: 4_250, frozen: 0 }, 'lost']);
      expect(await findings()).toEqual([]);
    });

    it('go back altogether when all of it is lost', async () => {
      await tell(disputeEvent('pi_1', 'lost'));
      expect(await packTokens()).toEqual({ live: 0, frozen: 0 });
    });

    it('lie still until the last of several disputes has ended', async () => {
      await tell(disputeEvent('pi_1', 'needs_response', 500, 'dp_2'));
      await tell(disputeEvent('pi_1', 'won'));
      expect(await packTokens()).toEqual({ live: 0, frozen: 8_500 });
      await tell(disputeEvent('pi_1', 'won', 500, 'dp_2'));
      expect(await packTokens()).toEqual({ live: 8_500, frozen: 0 });
    });
  });

  it('are refused as unknown when a refund or a dispute names no payment, and a later one counts', async () => {
    await billing.accounts.changePlan('acme', 'up', 'artisan');
    for (const event of [refundEvent('pi_1', 2_000), refundEvent('pi_1', 10), disputeEvent('pi_1', 'needs_response')])
      await expect(tell(event)).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_payment' });
    await expect(billing.payments.apply('manual', { kind: 'packRefunded', paymentId: 'invoice-1' })).rejects.toMatchObject({
      reason: 'unknown_payment',
    });
    await billing.payments.apply('manual', { kind: 'packPaid', paymentId: 'invoice-1', accountId: 'acme', pack: 'medium' });
    expect(await packTokens()).toEqual({ live: 8_500, frozen: 0 });
  });

  describe('for an account that may not have them', () => {
    const list = async (filter: object = {}) => {
      const request = {
        $typeName: 'tessera.billing.v1.ListPaymentsRequest' as const,
        accountId: '',
        state: '',
        pageSize: 0,
        pageToken: '',
      };
      return (await billing.paymentsController.listPayments({ ...request, ...filter })).payments;
    };

    beforeEach(async () => {
      expect(await tell(checkoutEvent('pi_1', 'medium'))).toBe('waiting');
    });

    it('wait, and can be seen', async () => {
      expect(await list({ state: 'waiting' })).toMatchObject([
        {
          paymentId: 'stripe:pi_1',
          provider: 'stripe',
          accountId: 'acme',
          pack: 'medium',
          amount: 2_000n,
          currency: 'usd',
          state: 'waiting',
          waitsFor: 'plan_forbids_topups',
        },
      ]);
      expect([await packTokens(), await billing.paymentDocuments.countWaiting()]).toEqual([{ live: 0, frozen: 0 }, 1]);
      expect(await tell(checkoutEvent('pi_1', 'medium'))).toBe('waiting');
      expect(await list({ accountId: 'acme' })).toHaveLength(1);
    });

    it('are credited by the operator, once', async () => {
      expect([await billing.payments.decide('stripe:pi_1', 'credit'), await billing.payments.decide('stripe:pi_1', 'credit')]).toEqual([
        'applied',
        'repeated',
      ]);
      expect([await packTokens(), await state()]).toEqual([{ live: 8_500, frozen: 0 }, 'paid']);
      expect([await findings(), await list({ state: 'waiting' })]).toEqual([[], []]);
    });

    it('go back by the operator, and bring nothing any more', async () => {
      await billing.payments.decide('stripe:pi_1', 'refund');
      expect(await tell(refundEvent('pi_1', 2_000))).toBe('repeated');
      await expect(billing.payments.decide('stripe:pi_1', 'credit')).rejects.toMatchObject({ reason: 'payment_not_waiting' });
      expect(await tell(checkoutEvent('pi_1', 'medium'))).toBe('repeated');
      expect([await packTokens(), await state()]).toEqual([{ live: 0, frozen: 0 }, 'refunded']);
    });

    it('come by themselves when a subscription makes the plan one that may have them', async () => {
      await tell(subscriptionEvent('created', 10, 'active'));
      expect([await packTokens(), await state()]).toEqual([{ live: 8_500, frozen: 0 }, 'paid']);
    });

    it('bring what was not refunded meanwhile', async () => {
      await tell(refundEvent('pi_1', 500));
      await billing.payments.decide('stripe:pi_1', 'credit');
      expect(await packTokens()).toEqual({ live: 6_375, frozen: 0 });
    });

    it('cannot be decided when nobody knows them', async () => {
      await expect(billing.payments.decide('stripe:pi_9', 'credit')).rejects.toMatchObject({ reason: 'unknown_payment' });
    });
  });

  it("are refused at once by the owner's own word, and not kept", async () => {
    const pay = billing.payments.apply('manual', { kind: 'packPaid', paymentId: 'invoice-1', accountId: 'acme', pack: 'small' });
    await expect(pay).rejects.toMatchObject({ reason: 'plan_forbids_topups' });
    expect(await billing.paymentDocuments.payment('manual:invoice-1')).toBeUndefined();
  });

  describe('in the audit', () => {
    beforeEach(async () => {
      await billing.accounts.changePlan('acme', 'up', 'artisan');
      await tell(checkoutEvent('pi_1', 'medium'));
    });

    const record = async () => {
      const found = await billing.paymentDocuments.payment('stripe:pi_1');
      if (!found) throw new Error('The payment was kept.');
      return found;
    };

    it('are missed when their record is gone', async () => {
      await billing.paymentDocuments.forgetPayment(await record());
      expect(await findings()).toMatchObject([{ accountId: 'acme', invariant: 'payment_missing' }]);
    });

    it.each([{ amount: 1 }, { currency: 'eur' }, { pack: 'large' }, { accountId: 'beta' }, { tokens: 1 }, { occurredMs: 5 }])(
      'are found when their record was changed: %j',
      async (change) => {
        const known = await record();
        await billing.paymentDocuments.savePayment(known.id, known, { ...known.value, ...change });
        expect(await findings()).toMatchObject([{ accountId: 'acme', invariant: 'payment_changed' }]);
      },
    );

    it('are found when they claim tokens that the ledger never gave', async () => {
      await billing.paymentDocuments.savePayment('stripe:pi_2', undefined, (await record()).value);
      expect(await findings()).toMatchObject([{ accountId: 'acme', invariant: 'payment_without_entry' }]);
    });
  });
});
