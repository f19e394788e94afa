import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidArgument, unauthenticated } from '@tessera/platform/errors.js';
import { z } from 'zod';
import type { PaymentUpdate, PaymentProvider } from './payment-provider.js';

/** As Stripe's own libraries have it: an older update is a replay, or a clock is wrong. */
const toleranceMs = 300_000;

const id = z.string().min(1).max(100);
const metadata = z.looseObject({ tessera_account: id.optional(), tessera_pack: id.optional(), tessera_plan: id.optional() }).default({});
const event = <T extends string, O extends z.ZodType>(type: T, object: O) =>
  z.looseObject({ id, type: z.literal(type), created: z.int(), data: z.looseObject({ object }) });

const session = z.looseObject({ mode: z.string(), payment_status: z.string(), payment_intent: id.nullish(), metadata });
const charge = z.looseObject({ payment_intent: id.nullish(), refunded: z.boolean() });
const subscription = z.looseObject({
  id,
  status: z.string(),
  cancel_at_period_end: z.boolean().default(false),
  pause_collection: z.looseObject({ resumes_at: z.int().nullish() }).nullish(),
  items: z.looseObject({ data: z.array(z.looseObject({ quantity: z.int().min(1).default(1) })).min(1) }),
  metadata,
});

const eventSchema = z.discriminatedUnion('type', [
  event('checkout.session.completed', session),
  event('checkout.session.async_payment_succeeded', session),
  event('charge.refunded', charge),
  event('customer.subscription.created', subscription),
  event('customer.subscription.updated', subscription),
  event('customer.subscription.deleted', subscription),
]);
const anyEvent = z.looseObject({ type: z.string() });
const knownTypes: ReadonlySet<string> = new Set(eventSchema.options.map((option) => option.shape.type.value));

/** Payments that have nothing to do with this server carry none of our metadata. */
export class StripePayments implements PaymentProvider {
  readonly name = 'stripe';

  /** More than one secret while they are being changed. */
  constructor(private readonly secrets: readonly string[]) {}

  /** Webhook signatures: https://docs.stripe.com/webhooks#verify-manually */
  read(payload: Uint8Array, signature: string, nowMs: number): PaymentUpdate | undefined {
    this.requireGenuine(payload, signature, nowMs);
    const body = parsed(payload);
    const any = anyEvent.safeParse(body);
    if (any.success && !knownTypes.has(any.data.type)) return undefined;
    const known = eventSchema.safeParse(body);
    if (!known.success) throw invalidArgument('invalid_payment_event', "The payload is not shaped as Stripe's events are.");
    return updateOf(known.data);
  }

  private requireGenuine(payload: Uint8Array, signature: string, nowMs: number): void {
    const parts = signature.split(',').map((part) => part.trim().split('=', 2));
    const timestamp = parts.find(([name]) => name === 't')?.[1] ?? '';
    const given = parts.flatMap(([name, value]) => (name === 'v1' && value ? [Buffer.from(value, 'hex')] : []));
    const expected = this.secrets.map((secret) => createHmac('sha256', secret).update(`${timestamp}.`).update(payload).digest());
    const isSigned = expected.some((wanted) => given.some((found) => found.length === wanted.length && timingSafeEqual(found, wanted)));
    if (!isSigned || !/^\d{1,12}$/.test(timestamp)) throw unauthenticated('invalid_signature', 'The signature does not fit the payload.');
    if (Math.abs(nowMs - Number(timestamp) * 1_000) > toleranceMs)
      throw unauthenticated('invalid_signature', 'The signature is too old, or the clocks differ.');
  }
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as unknown;
  } catch {
    throw invalidArgument('invalid_payment_event', 'The payload is not JSON.');
  }
}

function updateOf(event: z.infer<typeof eventSchema>): PaymentUpdate | undefined {
  switch (event.type) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded': {
      const { mode, payment_status: status, payment_intent: paymentId, metadata: ours } = event.data.object;
      if (mode !== 'payment' || status !== 'paid' || !paymentId || !ours.tessera_account || !ours.tessera_pack) return undefined;
      return { kind: 'packPaid', paymentId, accountId: ours.tessera_account, pack: ours.tessera_pack };
    }
    case 'charge.refunded': {
      const { refunded, payment_intent: paymentId } = event.data.object;
      return refunded && paymentId ? { kind: 'packRefunded', paymentId } : undefined;
    }
    default: {
      const {
        id: subscriptionId,
        status,
        items,
        metadata: ours,
        cancel_at_period_end: isEnding,
        pause_collection: collection,
      } = event.data.object;
      if (!ours.tessera_account || !ours.tessera_plan) return undefined;
      const isActive = event.type !== 'customer.subscription.deleted' && !isEnding && ['active', 'trialing', 'paused'].includes(status);
      const isPaused = isActive && (status === 'paused' || (collection !== undefined && collection !== null));
      // Not paid yet, or overdue: neither a reason to give tokens nor to take the plan away before Stripe has given up.
      if (!isActive && !isEnding && ['incomplete', 'past_due', 'unpaid'].includes(status) && event.type !== 'customer.subscription.deleted')
        return undefined;
      return {
        kind: 'subscription',
        subscriptionId,
        updateId: event.id,
        accountId: ours.tessera_account,
        plan: ours.tessera_plan,
        seats: items.data[0]?.quantity ?? 1,
        isActive,
        ...(isPaused ? { pause: collection?.resumes_at ? { resumesMs: collection.resumes_at * 1_000 } : {} } : {}),
        occurredMs: event.created * 1_000,
      };
    }
  }
}
