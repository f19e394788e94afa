import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { audited, hourMs, openBilling, type TestBilling } from '../billing.fixture.js';
import { monthsAfter } from '../ledger/calendar.js';
import { deliver, invoiceEvent, subscriptionEvent, type StripeEvent } from './stripe.fixture.js';

const dayMs = 24 * hourMs;

describe('a plan that a subscription pays for', () => {
  let billing: TestBilling;
  let beganMs: number;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'free');
    beganMs = billing.clock.now();
    await tell(subscriptionEvent('created', 10, 'active'));
  });

  afterEach(async () => {
    expect((await audited(billing.audit)).findings).toEqual([]);
    await billing.close();
  });

  const tell = (event: StripeEvent) => deliver(billing, event);
  /** The invoice of the n-th month, 0 being the first. */
  const invoice = (month: number, change: object = {}, type?: string) => invoiceEvent(`in_${month}`, ...period(month), change, type);
  const period = (month: number): [number, number] => [secondsAt(month), secondsAt(month + 1)];
  const secondsAt = (month: number) => Math.floor(monthsAfter(beganMs, month) / 1_000);
  const later = (days: number) => billing.clock.advance(days * dayMs);
  const account = async () => {
    const { plan, totals, subscription, buckets } = await billing.accounts.get('acme');
    // The free plan's own tokens of a day come and go while it holds.
    const own = buckets.filter(({ bucket }) => bucket !== 'daily').reduce((sum, { balanceTokens }) => sum + balanceTokens, 0);
    return { plan, own, granted: totals.granted, next: subscription?.next?.terms.plan, paused: subscription?.paused?.terms.plan };
  };

  it('renews when its period is paid, once, by either name of the event', async () => {
    await tell(invoice(0));
    later(32);
    await tell(invoice(1));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000 });
    expect(await tell(invoice(1, {}, 'invoice.payment_succeeded'))).toBe('repeated');
    expect(await account()).toMatchObject({ own: 50_000 });
  });

  it.each([
    ['the invoice that was paid is for another subscription', { subscription: 'sub_other' }],
    [
      'nothing but a change within the month was paid for',
      { lines: { data: [{ period: { start: 1, end: 4_000_000_000 }, proration: true }] } },
    ],
    [
      'a change was paid for, as newer versions of the API tell it',
      {
        lines: { data: [{ period: { start: 1, end: 4_000_000_000 }, parent: { subscription_item_details: { proration: true } } }] },
      },
    ],
  ])('does not renew when %s', async (_, change) => {
    later(32);
    await tell(invoice(1, change));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 25_000 });
  });

  it('reads the subscription where newer versions of the API have it', async () => {
    later(32);
    await tell(invoice(1, { subscription: undefined, parent: { subscription_details: { subscription: 'sub_1' } } }));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000 });
  });

  it('keeps what it has through the grace, and rests after it, with nothing new', async () => {
    later(32);
    await tell(subscriptionEvent('updated', 20, 'past_due'));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 25_000 });
    later(5);
    expect(await account()).toMatchObject({ plan: 'artisan', own: 25_000 });
    later(2);
    expect(await account()).toMatchObject({ plan: 'free', paused: 'artisan', own: 25_000 });
    later(60);
    expect(await account()).toMatchObject({ plan: 'free', own: 25_000 });
  });

  it('rests at once when the provider has given up', async () => {
    later(32);
    await tell(subscriptionEvent('updated', 20, 'past_due'));
    await tell(subscriptionEvent('updated', 30, 'unpaid'));
    expect(await account()).toMatchObject({ plan: 'free', paused: 'artisan', own: 25_000 });
    later(65);
    expect(await account()).toMatchObject({ plan: 'free', own: 25_000 });
  });

  it('is granted once when the month is paid for late, within the grace', async () => {
    later(34);
    await tell(subscriptionEvent('updated', 20, 'past_due'));
    await tell(invoice(1));
    await tell(subscriptionEvent('updated', 30, 'active'));
    await tell(invoice(1));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000, paused: undefined });
  });

  it('wakes when the month is paid for after the grace, granted once, and goes on in step with the provider', async () => {
    later(32);
    await tell(subscriptionEvent('updated', 20, 'unpaid'));
    later(15);
    await tell(subscriptionEvent('updated', 30, 'active'));
    expect(await account()).toMatchObject({ plan: 'free', own: 25_000 });
    await tell(invoice(1));
    await tell(invoice(1));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000, paused: undefined });
    billing.clock.advance(monthsAfter(beganMs, 2) + hourMs - billing.clock.now());
    expect(await account()).toMatchObject({ own: 50_000 });
    await tell(invoice(2));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 75_000 });
  });

  it('brings the tokens of a month that was paid for after it had gone by, and wakes with the month that runs', async () => {
    later(75);
    await tell(invoice(1));
    expect(await account()).toMatchObject({ plan: 'free', own: 50_000 });
    await tell(invoice(2));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 75_000 });
  });

  it('wakes as the plan that was changed to meanwhile', async () => {
    later(45);
    await tell(subscriptionEvent('updated', 20, 'active', 'maestro'));
    expect(await account()).toMatchObject({ plan: 'free' });
    await tell(invoice(1));
    expect(await account()).toMatchObject({ plan: 'maestro' });
  });

  it('ends with its month when it is cancelled, paid or not', async () => {
    later(32);
    await tell(subscriptionEvent('updated', 20, 'past_due'));
    await tell(subscriptionEvent('deleted', 30, 'canceled'));
    expect(await account()).toMatchObject({ plan: 'free', paused: undefined, own: 0 });
  });

  it('is not woken by its owner, paused or not', async () => {
    await billing.accounts.pause('acme', 'rest', undefined);
    later(32);
    await tell(subscriptionEvent('updated', 20, 'past_due'));
    await expect(billing.accounts.resume('acme', 'wake')).rejects.toMatchObject({ reason: 'subscription_unpaid' });
    await tell(invoice(1));
    await billing.accounts.resume('acme', 'wake');
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000 });
  });

  it('is taken over by another subscription', async () => {
    later(45);
    await tell(subscriptionEvent('created', 40, 'active', 'artisan', 'sub_2'));
    expect(await account()).toMatchObject({ plan: 'artisan', own: 50_000 });
    await tell(invoice(1));
    expect(await account()).toMatchObject({ own: 50_000 });
  });

  it('lists its invoices as payments', async () => {
    await tell(invoice(0));
    const { payments } = await billing.paymentsController.listPayments(asked({}));
    expect(payments).toMatchObject([
      {
        paymentId: 'stripe:in_0',
        subscriptionId: 'stripe:sub_1',
        amount: 2_400n,
        currency: 'usd',
        state: 'paid',
        accountId: 'acme',
        pack: '',
      },
    ]);
  });
});

describe('an invoice', () => {
  it('may be told before its subscription', async () => {
    const billing = await openBilling();
    try {
      await billing.accounts.open('acme', 'free');
      const start = Math.floor(billing.clock.now() / 1_000);
      const year = { subscription_details: { metadata: { tessera_account: 'acme' } } };
      expect(await deliver(billing, invoiceEvent('in_0', start, start + 366 * 86_400, year))).toBe('applied');
      await deliver(billing, subscriptionEvent('created', 10, 'active'));
      billing.clock.advance(70 * dayMs);
      expect((await billing.accounts.get('acme')).totals.granted).toBe(75_150);
      expect((await audited(billing.audit)).findings).toEqual([]);
    } finally {
      await billing.close();
    }
  });
});

describe('a plan that was not bought through a provider', () => {
  it('renews by the calendar', async () => {
    const billing = await openBilling();
    try {
      await billing.accounts.open('acme', 'artisan');
      billing.clock.advance(95 * dayMs);
      expect((await billing.accounts.get('acme')).totals.granted).toBe(100_000);
    } finally {
      await billing.close();
    }
  });
});

const asked = (request: { accountId?: string; state?: string }) => ({
  $typeName: 'tessera.billing.v1.ListPaymentsRequest' as const,
  accountId: '',
  state: '',
  pageSize: 0,
  pageToken: '',
  ...request,
});
