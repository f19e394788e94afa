import type { Account, EntryDraft, Lot, PlanAsked, Posting } from './account.js';
import { monthsAfter, nextMidnightMs } from './calendar.js';
import { askedBy, lotsOf, planOperation, renewalOperation, type Command, type Grant } from './commands.js';
import { nothingToCancel, planUnchanged, seatsTaken } from '../errors.js';
import { ledgerTime } from './evolve.js';
import { granted, granting } from './granting.js';
import {
  allowanceBucket,
  allowanceTokens,
  bankCapTokens,
  isOverdue,
  sameTerms,
  type Paused,
  type Subscription,
  type Terms,
} from './terms.js';

type Beginning = {
  /** What the bank was capped at before, for plans that have none. */
  readonly frozenCapTokens?: number | undefined;
  readonly utcOffsetMinutes?: number | undefined;
};

/** A subscription that begins now. */
export function begin(terms: Terms, nowMs: number, { frozenCapTokens = 0, utcOffsetMinutes }: Beginning = {}): Subscription {
  const common = {
    terms,
    anchorMs: nowMs,
    cycle: 0,
    startedMs: nowMs,
    bankCapTokens: terms.isPaid ? bankCapTokens(terms) : frozenCapTokens,
  };
  switch (terms.cadence) {
    case 'monthly':
      return { ...common, renewsMs: monthsAfter(nowMs, 1) };
    case 'daily':
      return { ...common, renewsMs: nextMidnightMs(nowMs, utcOffsetMinutes) };
    case 'once':
      return common;
  }
}

/** What a cycle begins with. Only the daily allowance has an expiry of its own; the monthly one turns at the renewal. */
export function allowanceOf({ terms, renewsMs }: Subscription): Grant[] {
  const tokens = allowanceTokens(terms);
  if (tokens === 0) return [];
  return [
    { bucket: allowanceBucket(terms), tokens, ...(terms.cadence === 'daily' && renewsMs !== undefined ? { expiresMs: renewsMs } : {}) },
  ];
}

/** The end of a cycle and the beginning of the next. Months that were missed are made up one by one; missed days are not, since a day's tokens do not outlive it. */
export function renewal(account: Account, subscription: Subscription, dueMs: number, nowMs: number): EntryDraft {
  const operationId = renewalOperation(dueMs);
  const next = following(account, subscription, dueMs, nowMs);
  const bank = subscription.next?.isCancellation ? 'expired' : subscription.terms.cadence === 'monthly' ? 'filled' : 'untouched';
  const closing = bank === 'filled' ? banked(account.lots, next.bankCapTokens) : bank === 'expired' ? emptied(account.lots) : [];
  const { lots, postings } = granted(lotsOf(operationId, allowanceOf(next)));
  return { kind: 'renewal', operationId, dueMs, bank, lots, subscription: next, createdMs: nowMs, postings: [...closing, ...postings] };
}

/** Who pays goes on paying, unless the plan ends. */
function following(account: Account, subscription: Subscription, dueMs: number, nowMs: number): Subscription {
  const begun = turned(account, subscription, dueMs, nowMs);
  const { funding } = subscription;
  return funding && (begun.terms.isPaid || begun.paused) ? { ...begun, funding } : begun;
}

function turned({ settings }: Account, subscription: Subscription, dueMs: number, nowMs: number): Subscription {
  const { terms, next, paused, anchorMs, cycle, bankCapTokens: frozenCapTokens, funding } = subscription;
  const beginning = { frozenCapTokens, utcOffsetMinutes: settings.utcOffsetMinutes };
  if (paused && !next) return pausedOn(subscription, paused, dueMs, nowMs, beginning);
  if (funding && isOverdue(subscription))
    return resting(funding.after, { terms: next?.terms ?? terms, isUnpaid: true }, dueMs, nowMs, beginning);
  if (next?.pause) return resting(next.terms, { terms, ...next.pause }, dueMs, nowMs, beginning);
  const target = withoutVacantSeats(next?.terms ?? terms, settings.members.length);
  if (target.cadence !== 'monthly') return begin(target, nowMs, beginning);
  if (terms.cadence !== 'monthly') return begin(target, dueMs, beginning);
  return {
    terms: target,
    anchorMs,
    cycle: cycle + 1,
    startedMs: dueMs,
    renewsMs: monthsAfter(anchorMs, cycle + 2),
    bankCapTokens: bankCapTokens(target),
  };
}

/** A paused plan goes on when its time has come, with the seats that it had; until then the other plan's days go by. */
function pausedOn({ terms, funding }: Subscription, paused: Paused, dueMs: number, nowMs: number, beginning: Beginning): Subscription {
  const { resumesMs } = paused;
  if (resumesMs === undefined || resumesMs > nowMs) return resting(terms, paused, dueMs, nowMs, beginning);
  const fromMs = Math.max(dueMs, resumesMs);
  return funding && funding.paidUntilMs <= fromMs
    ? resting(terms, { terms: paused.terms, isUnpaid: true }, dueMs, nowMs, beginning)
    : begin(paused.terms, fromMs, beginning);
}

/** Another plan's terms while one rests. The cycle ends at the latest when the plan goes on: missed days are not made up, a missed resumption is. */
function resting(terms: Terms, paused: Paused, dueMs: number, nowMs: number, beginning: Beginning): Subscription {
  const { resumesMs = Infinity } = paused;
  const isOver = resumesMs <= nowMs;
  const begun = begin(terms, isOver ? dueMs : nowMs, beginning);
  const renewsMs = isOver ? resumesMs : Math.min(begun.renewsMs ?? Infinity, resumesMs);
  return { ...begun, ...(renewsMs === Infinity ? {} : { renewsMs }), paused };
}

/** A team that does not name its members keeps all seats that it pays for. */
function withoutVacantSeats(terms: Terms, members: number): Terms {
  if (terms.seats <= terms.seatsMin || members === 0) return terms;
  return { ...terms, seats: Math.max(terms.seatsMin, Math.min(terms.seats, members)) };
}

/** Moves what a month left over into the bank, as far as there is room; what does not fit expires, the newest first. */
function banked(lots: readonly Lot[], capTokens: number): Posting[] {
  let room = capTokens;
  const ofBucket = (bucket: Lot['bucket']) => lots.filter((lot) => lot.bucket === bucket);
  return [...ofBucket('rollover'), ...ofBucket('fast')].flatMap(({ lotId, bucket, balance }) => {
    const kept = Math.min(balance, room);
    room -= kept;
    const postings: Posting[] = [];
    if (bucket === 'fast' && kept > 0)
      postings.push({ ledgerAccount: 'bucket:fast', lotId, tokens: -kept }, { ledgerAccount: 'bucket:rollover', lotId, tokens: kept });
    if (balance > kept)
      postings.push(
        { ledgerAccount: `bucket:${bucket}`, lotId, tokens: kept - balance },
        { ledgerAccount: 'expired', lotId, tokens: balance - kept },
      );
    return postings;
  });
}

const emptied = (lots: readonly Lot[]): Posting[] =>
  lots
    .filter(({ bucket, balance }) => (bucket === 'fast' || bucket === 'rollover') && balance > 0)
    .flatMap(({ lotId, bucket, balance }): Posting[] => [
      { ledgerAccount: `bucket:${bucket}`, lotId, tokens: -balance },
      { ledgerAccount: 'expired', lotId, tokens: balance },
    ]);

/** Upgrades count at once, downgrades from the next renewal. Asking for the present plan takes back what was planned for then. */
export function changePlan(account: Account, command: Extract<Command, { kind: 'changePlan' }>): EntryDraft {
  const { terms, nowMs } = command;
  const asked = askedBy(command);
  const entered = (subscription: Subscription, grants: Grant[]) => planEntry(account, command, asked, subscription, grants);
  const present = account.subscription;
  if (terms.membersMax < account.settings.members.length) throw seatsTaken(account.settings.members.length);
  if (present && sameTerms(present.terms, terms)) {
    if (!present.next) throw planUnchanged(terms.plan);
    const { next: _, ...kept } = present;
    return entered(kept, []);
  }
  const atMs = ledgerTime(account, nowMs);
  if (present?.terms.cadence !== 'monthly') {
    const begun = begin(terms, atMs, { frozenCapTokens: present?.bankCapTokens, utcOffsetMinutes: account.settings.utcOffsetMinutes });
    return entered(begun, allowanceOf(begun));
  }
  const addedTokens = allowanceTokens(terms) - allowanceTokens(present.terms);
  if (terms.cadence !== 'monthly' || addedTokens < 0) return entered({ ...present, next: { terms, isCancellation: false } }, []);
  const { next: _, paused: __, ...kept } = present;
  const tokens = prorated(addedTokens, kept, atMs);
  return entered({ ...kept, terms, bankCapTokens: bankCapTokens(terms) }, tokens > 0 ? [{ bucket: 'fast', tokens }] : []);
}

/** The share of an amount that belongs to the rest of the cycle, rounded down. In BigInt because the product passes 2^53. */
export function prorated(amount: number, { startedMs, renewsMs = startedMs + 1 }: Subscription, nowMs: number): number {
  const leftMs = Math.max(0, Math.min(renewsMs - nowMs, renewsMs - startedMs));
  return Number((BigInt(amount) * BigInt(leftMs)) / BigInt(renewsMs - startedMs));
}

export function planEntry(
  account: Account,
  { operationId, nowMs }: { readonly operationId: string; readonly nowMs: number },
  asked: PlanAsked,
  subscription: Subscription,
  grants: Grant[],
): EntryDraft {
  const { lots, postings } = granting(account, lotsOf(planOperation(operationId), grants));
  const overflow = subscription.terms.isPaid
    ? banked(
        account.lots.filter(({ bucket }) => bucket === 'rollover'),
        subscription.bankCapTokens,
      )
    : [];
  return {
    kind: 'plan',
    operationId: planOperation(operationId),
    asked,
    subscription,
    lots,
    createdMs: nowMs,
    postings: [...overflow, ...postings],
  };
}

/** The plan runs to the end of the month that is paid for; then the bank expires and the account goes on with `terms`. A paused plan's bank expires with the day. */
export function cancel(account: Account, command: Extract<Command, { kind: 'cancel' }>): EntryDraft {
  const present = account.subscription;
  if (!present || (present.terms.cadence !== 'monthly' && !present.paused)) throw nothingToCancel();
  const { paused: _, ...kept } = present;
  return planEntry(account, command, askedBy(command), { ...kept, next: { terms: command.terms, isCancellation: true } }, []);
}
