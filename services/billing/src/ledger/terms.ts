import type { BucketName } from './buckets.js';

/** What an account's plan promises it, as the catalogue had it when the plan was taken: the ledger's rules need no catalogue. */
export type Terms = {
  readonly plan: string;
  readonly catalogueVersion: string;
  /** When the allowance comes again: each month on the anniversary, each day at 00:00 UTC, or never. */
  readonly cadence: 'monthly' | 'daily' | 'once';
  readonly seats: number;
  /** A team's vacant seats are dropped at the renewal, down to this. */
  readonly seatsMin: number;
  readonly membersMax: number;
  /** Of one seat. */
  readonly seatTokens: number;
  /** What one seat adds to the cap of the rollover bank. */
  readonly seatBankTokens: number;
  /** Only paid plans may buy packs and spend what has rolled over. */
  readonly isPaid: boolean;
  /** A job that the buckets cannot pay waits in the relaxed lane and costs nothing. */
  readonly hasRelaxedLane: boolean;
  /** So may motion. */
  readonly hasRelaxedMotion?: true;
};

export type Subscription = {
  readonly terms: Terms;
  /** Every renewal is counted from here, so that a short month does not shift the ones after it. */
  readonly anchorMs: number;
  readonly cycle: number;
  readonly startedMs: number;
  /** Absent when the plan does not renew. */
  readonly renewsMs?: number;
  /** The most that may lie in the rollover bank. While the bank is frozen, the cap of the last paid plan. */
  readonly bankCapTokens: number;
  /** What the next renewal changes to. A cancellation lets the bank expire; a downgrade freezes it; a pause freezes it and knows the way back. */
  readonly next?: { readonly terms: Terms; readonly isCancellation: boolean; readonly pause?: Pause };
  /** The plan rests, and another one's terms hold meanwhile. */
  readonly paused?: Paused;
  /** Who pays for it, and how far. Absent: nobody was asked, and it renews by the calendar alone. */
  readonly funding?: Funding;
};

/** A subscription at a payment provider. A cycle begins once it is paid for; until then its grant waits, and after the grace the plan rests. */
export type Funding = {
  readonly payer: string;
  readonly paidUntilMs: number;
  readonly graceMs: number;
  /** Of the plan that holds while the unpaid one rests. */
  readonly after: Terms;
};

/** `resumesMs`: when the plan goes on by itself; absent: when it is asked to. */
export type Pause = { readonly resumesMs?: number };
export type Paused = Pause & {
  readonly terms: Terms;
  /** It rests because nobody paid; a payment alone wakes it. */ readonly isUnpaid?: true;
};

export const allowanceTokens = ({ seats, seatTokens }: Terms): number => seats * seatTokens;

export const bankCapTokens = ({ seats, seatBankTokens }: Terms): number => seats * seatBankTokens;

export const allowanceBucket = ({ cadence }: Terms): BucketName => (cadence === 'daily' ? 'daily' : 'fast');

/** Whether the cycle after this one waits for a payment. A period that pays for most of the cycle pays for it: the provider's months begin a little before or after ours. */
export function isOverdue({ terms, startedMs, renewsMs, next, paused, funding }: Subscription): boolean {
  const { cadence, isPaid } = next?.terms ?? terms;
  if (!funding || renewsMs === undefined || next?.pause || paused || cadence !== 'monthly' || !isPaid) return false;
  return funding.paidUntilMs - renewsMs < (renewsMs - startedMs) / 2;
}

/** When the cycle turns: at its end, or, unpaid, when the grace is over. */
export function turnsMs(subscription: Subscription): number | undefined {
  const { renewsMs, funding } = subscription;
  if (renewsMs === undefined || !funding || !isOverdue(subscription)) return renewsMs;
  return Math.max(renewsMs, funding.paidUntilMs) + funding.graceMs;
}

export const sameTerms = (a: Terms, b: Terms): boolean => a.plan === b.plan && a.seats === b.seats;
