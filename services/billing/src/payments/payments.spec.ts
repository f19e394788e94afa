import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TesseraError } from '@tessera/platform/errors.js';
import fc from 'fast-check';
import { audited, hourMs, openBilling, stripeSecret, twoPictures, type TestBilling } from '../billing.fixture.js';

type Event = { readonly id: string; readonly type: string; readonly created: number; readonly data: { readonly object: object } };

const checkout = (paymentId: string, pack: string, accountId = 'acme'): Event => ({
  id: `evt_paid_${paymentId}`,
  type: 'checkout.session.completed',
  created: 1,
  data: {
    object: {
      mode: 'payment',
      payment_status: 'paid',
      payment_intent: paymentId,
      metadata: { tessera_account: accountId, tessera_pack: pack },
    },
  },
});
const refund = (paymentId: string): Event => ({
  id: `evt_back_${paymentId}`,
  type: 'charge.refunded',
  created: 2,
  data: { object: { payment_intent: paymentId, refunded: true } },
});
const subscription = (type: 'created' | 'updated' | 'deleted', created: number, plan: string, change: object = {}): Event => ({
  id: `evt_sub_${type}_${created}`,
  type: `customer.subscription.${type}`,
  created,
  data: {
    object: {
      id: 'sub_1',
      status: 'active',
      items: { data: [{ quantity: 1 }] },
      metadata: { tessera_account: 'acme', tessera_plan: plan },
      ...change,
    },
  },
});

describe('payments', () => {
  let billing: TestBilling;

  beforeEach(async () => {
    billing = await openBilling();
    await billing.accounts.open('acme', 'free');
  });

  afterEach(() => billing.close());

  const seconds = () => Math.floor(billing.clock.now() / 1_000);
  const signed = (payload: string, secret = stripeSecret, at = seconds()) =>
    `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${payload}`).digest('hex')}`;
  const deliver = (event: object, on = billing) => {
    const payload = JSON.stringify(event);
    return on.payments.receive('stripe', Buffer.from(payload), signed(payload));
  };
  const account = async () => {
    const { plan, totals, subscription: own } = await billing.accounts.get('acme');
    return { plan, granted: totals.granted, balance: totals.balance, next: own?.next?.terms.plan };
  };

  describe('of packs', () => {
    beforeEach(async () => void (await billing.accounts.changePlan('acme', 'up', 'artisan')));

    it('become tokens, once, however often they are told', async () => {
      const before = await account();
      expect(await Promise.all([deliver(checkout('pi_1', 'medium')), deliver(checkout('pi_1', 'medium'))])).toEqual([
        'applied',
        'repeated',
      ]);
      expect((await account()).balance).toBe(before.balance + 8_500);
    });

    it('go back as far as nobody has spent them', async () => {
      const before = await account();
      await deliver(checkout('pi_1', 'medium'));
      expect([await deliver(refund('pi_1')), await deliver(refund('pi_1'))]).toEqual(['applied', 'repeated']);
      expect(await account()).toEqual(before);
    });

    it('bring nothing when their refund was told first, and again after them, as providers do', async () => {
      const before = await account();
      await expect(deliver(refund('pi_1'))).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_payment' });
      expect(await deliver(checkout('pi_1', 'medium'))).toBe('applied');
      expect((await account()).balance).toBe(before.balance + 8_500);
      expect(await deliver(refund('pi_1'))).toBe('applied');
      expect(await account()).toEqual(before);
    });

    it('belong to one account and one pack', async () => {
      await billing.accounts.open('beta', 'artisan');
      await deliver(checkout('pi_1', 'medium'));
      const before = [await account(), (await billing.accounts.get('beta')).totals];
      const reused = { kind: 'Conflict', reason: 'payment_id_reused' };
      await expect(deliver(checkout('pi_1', 'medium', 'beta'))).rejects.toMatchObject(reused);
      await expect(deliver(checkout('pi_1', 'large'))).rejects.toMatchObject(reused);
      expect([await account(), (await billing.accounts.get('beta')).totals]).toEqual(before);
    });

    it('count once, keyed by their session, when a coupon pays for them altogether', async () => {
      const before = await account();
      const object = { id: 'cs_1', mode: 'payment', payment_status: 'no_payment_required', payment_intent: null, amount_total: 0 };
      const free = {
        ...checkout('-', 'small'),
        data: { object: { ...object, metadata: { tessera_account: 'acme', tessera_pack: 'small' } } },
      };
      expect([await deliver(free), await deliver(free)]).toEqual(['applied', 'repeated']);
      expect((await account()).balance).toBe(before.balance + 3_500);
      expect((await billing.paymentDocuments.payment('stripe:cs_1'))?.value).toMatchObject({ pack: 'small', state: 'paid' });
    });

    it('count once by the word of the owner, too', async () => {
      const pay = () => billing.payments.apply('manual', { kind: 'packPaid', paymentId: 'invoice-1', accountId: 'acme', pack: 'small' });
      const before = await account();
      expect([await pay(), await pay()]).toEqual(['applied', 'repeated']);
      expect((await account()).balance).toBe(before.balance + 3_500);
      await billing.payments.apply('manual', { kind: 'packRefunded', paymentId: 'invoice-1' });
      expect(await account()).toEqual(before);
    });

    it.each([
      ['a pack that does not exist', () => deliver(checkout('pi_3', 'constructor')), 'unknown_pack'],
      ['an account that does not exist', () => deliver(checkout('pi_3', 'small', 'nobody')), 'unknown_account'],
      ['a payment with a strange id', () => deliver(checkout('pi 3', 'small')), 'invalid_id'],
      ['a provider that is not connected', () => billing.payments.receive('paypal', Buffer.from('{}'), ''), 'unknown_payment_provider'],
    ])('are refused for %s, and nothing has changed', async (_, attempt, reason) => {
      const before = await account();
      await expect(attempt()).rejects.toMatchObject({ reason });
      expect(await account()).toEqual(before);
    });
  });

  describe('of subscriptions', () => {
    it('begin a plan, change it, and let it run to its end', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      expect(await account()).toMatchObject({ plan: 'artisan', balance: 25_150 });
      await deliver(subscription('updated', 20, 'maestro'));
      expect(await account()).toMatchObject({ plan: 'maestro', balance: 60_150 });
      await deliver(subscription('updated', 30, 'maestro', { cancel_at_period_end: true }));
      await deliver(subscription('deleted', 40, 'maestro', { status: 'canceled' }));
      expect(await account()).toMatchObject({ plan: 'maestro', next: 'free', balance: 60_150 });
    });

    it('drop news that is older than what is known', async () => {
      await deliver(subscription('updated', 20, 'maestro'));
      expect(await deliver(subscription('created', 10, 'artisan'))).toBe('outdated');
      expect((await account()).plan).toBe('maestro');
    });

    it('end for good within the second in which they changed', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      await deliver(subscription('deleted', 20, 'artisan', { status: 'canceled' }));
      expect(await deliver(subscription('updated', 20, 'artisan'))).toBe('outdated');
      expect((await account()).next).toBe('free');
    });

    it('go on when they are taken up again', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      await deliver(subscription('updated', 20, 'artisan', { cancel_at_period_end: true }));
      await deliver(subscription('updated', 30, 'artisan'));
      expect((await account()).next).toBeUndefined();
    });

    it('let the plan rest while nobody collects for it, and go on when somebody does', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      await deliver(subscription('updated', 20, 'artisan', { pause_collection: { behavior: 'void', resumes_at: null } }));
      expect((await billing.accounts.get('acme')).subscription?.next).toMatchObject({ pause: {} });
      billing.clock.advance(32 * 24 * hourMs);
      expect((await account()).plan).toBe('free');
      await deliver(subscription('updated', 30, 'artisan', { pause_collection: null }));
      expect(await account()).toMatchObject({ plan: 'artisan', next: undefined });
      expect((await audited(billing.audit)).findings).toEqual([]);
    });

    it('leave a pause alone that was asked for here', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      await billing.accounts.pause('acme', 'mine', undefined);
      await deliver(subscription('updated', 20, 'artisan'));
      expect((await billing.accounts.get('acme')).subscription?.next).toMatchObject({ pause: {} });
      await deliver(subscription('updated', 30, 'maestro'));
      expect(await account()).toMatchObject({ plan: 'maestro', next: undefined });
    });

    it('do not end a plan that another one pays for', async () => {
      await deliver(subscription('created', 10, 'artisan'));
      await deliver(subscription('created', 20, 'maestro', { id: 'sub_2' }));
      await deliver(subscription('deleted', 30, 'artisan', { status: 'canceled' }));
      expect(await account()).toMatchObject({ plan: 'maestro', next: undefined });
    });

    it.each(['incomplete', 'past_due', 'unpaid'])('neither give nor take while they are %s', async (status) => {
      expect(await deliver(subscription('updated', 10, 'artisan', { status }))).toBe('ignored');
      expect((await account()).plan).toBe('free');
    });
  });

  it('end the same in whatever order and however often they are told, and are clean', async () => {
    const events = [
      subscription('created', 10, 'artisan'),
      subscription('updated', 20, 'maestro'),
      checkout('pi_1', 'medium'),
      checkout('pi_2', 'small'),
      refund('pi_2'),
    ];
    const order = fc.shuffledSubarray([...events, ...events], { minLength: 10, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(order, async (reported) => {
        const each = await openBilling();
        try {
          await each.accounts.open('acme', 'free');
          // As Stripe does: what was refused is told again later.
          for (let left = reported; left.length > 0;) {
            const refused: Event[] = [];
            for (const event of left)
              await deliver(event, each).catch((error: unknown) =>
                error instanceof TesseraError ? void refused.push(event) : Promise.reject(error),
              );
            left = refused;
          }
          const { plan, totals } = await each.accounts.get('acme');
          expect({ plan, ...totals }).toEqual({ plan: 'maestro', granted: 68_650, balance: 68_650, held: 0, spent: 0, expired: 0 });
          expect((await audited(each.audit)).findings).toEqual([]);
        } finally {
          await each.close();
        }
      }),
      { numRuns: 12 },
    );
  });

  describe('that are not signed as they should be', () => {
    const payload = JSON.stringify(checkout('pi_1', 'medium'));
    const receive = (signature: string, body = payload) => billing.payments.receive('stripe', Buffer.from(body), signature);

    beforeEach(async () => void (await billing.accounts.changePlan('acme', 'up', 'artisan')));

    it.each([
      ['no signature', () => ''],
      ['rubbish', () => 't=,v1=,v1=zz,=,'],
      ['the wrong secret', () => signed(payload, 'whsec_of_somebody_else')],
      ['another payload', () => signed(`${payload} `)],
      ['an old one', () => signed(payload, stripeSecret, seconds() - 301)],
      ['one from the future', () => signed(payload, stripeSecret, seconds() + 301)],
      ['another time than the signed one', () => signed(payload).replace(/t=\d+/, `t=${seconds() - 1}`)],
    ])('are refused: %s', async (_, signature) => {
      const before = await account();
      await expect(receive(signature())).rejects.toMatchObject({ kind: 'Unauthenticated', reason: 'invalid_signature' });
      expect(await account()).toEqual(before);
    });

    it('are believed with the secret of the day before, while it is being changed', async () => {
      expect(await receive(signed(payload, 'whsec_of_the_day_before'))).toBe('applied');
    });
  });

  it.each([
    ['another kind of event', { id: 'evt_1', type: 'invoice.paid', created: 1, data: { object: {} } }],
    [
      "another product's payment",
      {
        ...checkout('pi_1', 'medium'),
        data: { object: { mode: 'payment', payment_status: 'paid', payment_intent: 'pi_1', metadata: {} } },
      },
    ],
    [
      'a session that is not paid yet',
      {
        ...checkout('pi_1', 'medium'),
        data: {
          object: {
            mode: 'payment',
            payment_status: 'unpaid',
            payment_intent: 'pi_1',
            metadata: { tessera_account: 'acme', tessera_pack: 'medium' },
          },
        },
      },
    ],
  ])('leave alone %s', async (_, event) => {
    expect(await deliver(event)).toBe('ignored');
  });

  it.each(['not json', '[]', '{"type":"charge.refunded"}', JSON.stringify(subscription('created', 1.5, 'artisan'))])(
    'are refused when the payload is %s',
    async (payload) => {
      await expect(billing.payments.receive('stripe', Buffer.from(payload), signed(payload))).rejects.toMatchObject({
        reason: 'invalid_payment_event',
      });
    },
  );

  it('that were spent are not taken back, and the account never falls below zero', async () => {
    await billing.accounts.changePlan('acme', 'up', 'artisan');
    await deliver(checkout('pi_1', 'small'));
    const all = { ...twoPictures, widthPx: 4_096, heightPx: 4_096, steps: 150, images: 20 };
    await billing.reservations.reserve('acme', 'job', all, billing.clock.now() + hourMs);
    const held = (await billing.accounts.get('acme')).totals.held;
    await deliver(refund('pi_1'));
    const { totals } = await billing.accounts.get('acme');
    expect([totals.held, totals.balance >= 0]).toEqual([held, true]);
    expect((await audited(billing.audit)).findings).toEqual([]);
  });
});
