import type { PaymentRecord, PaymentState } from './payment.documents.js';

/** Of all that went back, by refunds and by lost disputes, the share of the pack's tokens, rounded down. In BigInt because the product passes 2^53. */
export function tokensToTakeBack({
  isRefunded,
  refunded,
  lostAmount = 0,
  amount,
  tokens = 0,
}: Omit<PaymentRecord, 'state' | 'receivedMs'>): number {
  if (isRefunded) return tokens;
  const back = (refunded?.amount ?? 0) + lostAmount;
  if (back === 0) return 0;
  const of = refunded?.of ?? amount ?? 0;
  return back >= of ? tokens : Number((BigInt(tokens) * BigInt(back)) / BigInt(of));
}

/** The one word for a record, the gravest first. */
export function stateOf(record: PaymentRecord): PaymentState {
  const { isPaid, isRefunded, refunded, disputes = {}, lostAmount, waitsFor } = record;
  if (isRefunded) return 'refunded';
  if (Object.values(disputes).includes('open')) return 'disputed';
  if (lostAmount !== undefined) return 'lost';
  if (!isPaid) return waitsFor === undefined ? 'received' : 'waiting';
  return refunded ? 'partly_refunded' : 'paid';
}
