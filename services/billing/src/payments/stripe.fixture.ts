import { createHmac } from 'node:crypto';
import { stripeSecret, type TestBilling } from '../billing.fixture.js';

export type StripeEvent = {
  readonly id: string;
  readonly type: string;
  readonly created: number;
  readonly data: { readonly object: object };
};

/** Sent as Stripe sends it: signed, over the bytes, a moment ago. */
export function deliver(billing: TestBilling, event: StripeEvent) {
  const payload = JSON.stringify(event);
  const at = Math.floor(billing.clock.now() / 1_000);
  const signature = createHmac('sha256', stripeSecret).update(`${at}.${payload}`).digest('hex');
  return billing.payments.receive('stripe', Buffer.from(payload), `t=${at},v1=${signature}`);
}

export const subscriptionEvent = (
  type: 'created' | 'updated' | 'deleted',
  created: number,
  status: string,
  plan = 'artisan',
  id = 'sub_1',
) => ({
  id: `evt_${id}_${type}_${created}`,
  type: `customer.subscription.${type}`,
  created,
  data: {
    object: { id, status, items: { data: [{ quantity: 1 }] }, metadata: { tessera_account: 'acme', tessera_plan: plan } },
  },
});

/** For a period in seconds; the invoice's own one is, as at Stripe, the one before. */
export const invoiceEvent = (id: string, start: number, end: number, change: object = {}, type = 'invoice.paid'): StripeEvent => ({
  id: `evt_${type}_${id}`,
  type,
  created: start,
  data: {
    object: {
      id,
      subscription: 'sub_1',
      payment_intent: `pi_${id}`,
      amount_paid: 2_400,
      currency: 'usd',
      period_start: start - (end - start),
      period_end: start,
      lines: { data: [{ period: { start, end }, proration: false }] },
      ...change,
    },
  },
});

export const checkoutEvent = (paymentId: string, pack: string, accountId = 'acme', total = 2_000): StripeEvent => ({
  id: `evt_paid_${paymentId}`,
  type: 'checkout.session.completed',
  created: 1,
  data: {
    object: {
      id: `cs_${paymentId}`,
      mode: 'payment',
      payment_status: 'paid',
      payment_intent: paymentId,
      amount_total: total,
      currency: 'usd',
      metadata: { tessera_account: accountId, tessera_pack: pack },
    },
  },
});

export const refundEvent = (paymentId: string, back: number, of = 2_000): StripeEvent => ({
  id: `evt_back_${paymentId}_${back}`,
  type: 'charge.refunded',
  created: 2,
  data: { object: { payment_intent: paymentId, amount: of, amount_refunded: back, refunded: back === of } },
});

export const disputeEvent = (paymentId: string, status: string, amount = 2_000, id = 'dp_1'): StripeEvent => ({
  id: `evt_${id}_${status}`,
  type: `charge.dispute.${['won', 'lost', 'warning_closed'].includes(status) ? 'closed' : 'created'}`,
  created: 3,
  data: { object: { id, payment_intent: paymentId, amount, status } },
});
