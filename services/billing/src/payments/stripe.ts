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

const amount = z.int().min(0);
const currency = z.string().max(10);
const session = z.looseObject({
  id: id.optional(),
  mode: z.string(),
  payment_status: z.string(),
  payment_intent: id.nullish(),
  amount_total: amount.nullish(),
  currency: currency.nullish(),
  metadata,
});
const charge = z.looseObject({
  payment_intent: id.nullish(),
  refunded: z.boolean(),
  amount: amount.nullish(),
  amount_refunded: amount.nullish(),
});
const dispute = z.looseObject({ id, payment_intent: id.nullish(), amount: amount.nullish(), status: z.string() });
const line = z.looseObject({
  period: z.looseObject({ start: z.int(), end: z.int() }),
  proration: z.boolean().nullish(),
  parent: z.looseObject({ subscription_item_details: z.looseObject({ proration: z.boolean().nullish() }).nullish() }).nullish(),
});
const ofSubscription = z.looseObject({ subscription: id.nullish(), metadata: metadata.nullish() }).nullish();
/** The subscription stands at the root, or, in newer versions of Stripe's API, below `parent`. */
const invoice = z.looseObject({
  id: id.optional(),
  subscription: id.nullish(),
  subscription_details: ofSubscription,
  parent: z.looseObject({ subscription_details: ofSubscription }).nullish(),
  payment_intent: id.nullish(),
  amount_paid: amount.nullish(),
  currency: currency.nullish(),
  period_start: z.int().nullish(),
  period_end: z.int().nullish(),
  lines: z.looseObject({ data: z.array(line) }).nullish(),
});
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
  event('charge.dispute.created', dispute),
  event('charge.dispute.closed', dispute),
  event('invoice.paid', invoice),
  event('invoice.payment_succeeded', invoice),
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

type StripeEvent = z.infer<typeof eventSchema>;
type ObjectOf<Type extends StripeEvent['type']> = Extract<StripeEvent, { type: Type }>['data']['object'];

function updateOf(event: StripeEvent): PaymentUpdate | undefined {
  const occurredMs = event.created * 1_000;
  switch (event.type) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
      return packPaid(event.data.object, occurredMs);
    case 'charge.refunded':
      return refunded(event.data.object);
    case 'charge.dispute.created':
      return disputed(event.data.object, 'open');
    case 'charge.dispute.closed':
      return disputed(event.data.object, event.data.object.status === 'lost' ? 'lost' : 'won');
    case 'invoice.paid':
    case 'invoice.payment_succeeded':
      return invoicePaid(event.data.object, occurredMs);
    default:
      return subscriptionNews(event, occurredMs);
  }
}

const money = (paid: number | null | undefined, unit: string | null | undefined) =>
  typeof paid === 'number' && unit ? { money: { amount: paid, currency: unit } } : {};

/** A session that a coupon pays for altogether has no payment, so it stands for one itself. */
function packPaid(object: ObjectOf<'checkout.session.completed'>, occurredMs: number): PaymentUpdate | undefined {
  const { mode, payment_status: status, metadata: ours } = object;
  const paymentId = object.payment_intent ?? object.id;
  if (mode !== 'payment' || !['paid', 'no_payment_required'].includes(status)) return undefined;
  if (!paymentId || !ours.tessera_account || !ours.tessera_pack) return undefined;
  return {
    kind: 'packPaid',
    paymentId,
    accountId: ours.tessera_account,
    pack: ours.tessera_pack,
    ...money(object.amount_total, object.currency),
    occurredMs,
  };
}

function refunded({ payment_intent: paymentId, refunded: isWhole, ...part }: ObjectOf<'charge.refunded'>): PaymentUpdate | undefined {
  if (!paymentId) return undefined;
  if (isWhole) return { kind: 'packRefunded', paymentId };
  const { amount: of, amount_refunded: back } = part;
  return of && back ? { kind: 'packRefunded', paymentId, share: { amount: back, of } } : undefined;
}

function disputed(object: ObjectOf<'charge.dispute.created'>, state: 'open' | 'won' | 'lost'): PaymentUpdate | undefined {
  const { id: disputeId, payment_intent: paymentId, amount: contested } = object;
  return paymentId
    ? { kind: 'disputed', paymentId, disputeId, state, ...(typeof contested === 'number' ? { amount: contested } : {}) }
    : undefined;
}

function invoicePaid(object: ObjectOf<'invoice.paid'>, occurredMs: number): PaymentUpdate | undefined {
  const details = object.parent?.subscription_details ?? object.subscription_details;
  const subscriptionId = object.subscription ?? details?.subscription;
  if (!object.id || !subscriptionId) return undefined;
  const period = periodOf(object);
  return {
    kind: 'invoicePaid',
    paymentId: object.id,
    subscriptionId,
    ...(details?.metadata?.tessera_account ? { accountId: details.metadata.tessera_account } : {}),
    ...(object.payment_intent ? { chargeId: object.payment_intent } : {}),
    ...(period ? { period } : {}),
    ...money(object.amount_paid, object.currency),
    occurredMs,
  };
}

/** The newest of its lines; a proration pays for a change, not for a period. The invoice's own period is the one before. */
function periodOf({ lines, period_start: start, period_end: end }: ObjectOf<'invoice.paid'>) {
  const own = lines?.data.filter(({ proration, parent }) => !(proration ?? parent?.subscription_item_details?.proration)) ?? [];
  const [newest] = own.map(({ period }) => period).sort((a, b) => b.end - a.end);
  const found = newest ?? (lines || typeof start !== 'number' || typeof end !== 'number' ? undefined : { start, end });
  return found && found.end > found.start ? { fromMs: found.start * 1_000, untilMs: found.end * 1_000 } : undefined;
}

function subscriptionNews(
  event: Extract<StripeEvent, { type: `customer.subscription.${string}` }>,
  occurredMs: number,
): PaymentUpdate | undefined {
  const {
    id: subscriptionId,
    status,
    items,
    metadata: ours,
    cancel_at_period_end: isEnding,
    pause_collection: collection,
  } = event.data.object;
  if (!ours.tessera_account || !ours.tessera_plan) return undefined;
  const common = { subscriptionId, updateId: event.id, accountId: ours.tessera_account, occurredMs };
  const isDeleted = event.type === 'customer.subscription.deleted';
  const isActive = !isDeleted && !isEnding && ['active', 'trialing', 'paused'].includes(status);
  const isPaused = isActive && (status === 'paused' || (collection !== undefined && collection !== null));
  if (!isDeleted && !isEnding) {
    if (status === 'incomplete') return undefined;
    if (status === 'past_due' || status === 'unpaid') return { kind: 'overdue', ...common, isFinal: status === 'unpaid' };
  }
  return {
    kind: 'subscription',
    ...common,
    plan: ours.tessera_plan,
    seats: items.data[0]?.quantity ?? 1,
    isActive,
    ...(isPaused ? { pause: collection?.resumes_at ? { resumesMs: collection.resumes_at * 1_000 } : {} } : {}),
  };
}
