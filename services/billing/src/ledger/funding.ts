import type { Account, EntryDraft } from './account.js';
import { monthsAfter } from './calendar.js';
import { askedBy, type Command } from './commands.js';
import { nothingToFund } from '../errors.js';
import { ledgerTime } from './evolve.js';
import { allowanceOf, planEntry } from './life-cycle.js';
import { bankCapTokens, type Funding, type Subscription, type Terms } from './terms.js';

/** A subscription pays for a period, or, without one, for the cycle that runs. A plan that rests unpaid wakes in the period that was paid for; money for one that has gone by meanwhile brings its tokens all the same. */
export function fund(account: Account, command: Extract<Command, { kind: 'fund' }>): EntryDraft {
  const present = account.subscription;
  const paidPlan = present?.paused?.terms ?? present?.terms;
  if (!present || !paidPlan?.isPaid || paidPlan.cadence !== 'monthly') throw nothingToFund();
  const { payer, graceMs, period, terms: after, nowMs } = command;
  if (period && present.funding && present.funding.payer !== payer) throw nothingToFund();
  const paidBeforeMs = present.funding?.paidUntilMs ?? (present.paused ? 0 : (present.renewsMs ?? 0));
  const funding: Funding = { payer, graceMs, after, paidUntilMs: Math.max(paidBeforeMs, period?.untilMs ?? 0) };
  const asked = askedBy(command);
  if (!period || period.untilMs <= paidBeforeMs || !present.paused?.isUnpaid)
    return planEntry(account, command, asked, { ...present, funding }, []);
  const atMs = ledgerTime(account, nowMs);
  const woken = awake(present.paused.terms, Math.min(period.fromMs, atMs), atMs);
  const subscription = period.untilMs > atMs ? { ...woken, funding } : { ...present, funding };
  return planEntry(account, command, asked, subscription, allowanceOf(woken));
}

/** In step with the months of the one who pays, so that the next payment finds the next cycle. */
function awake(terms: Terms, anchorMs: number, nowMs: number): Subscription {
  let cycle = 0;
  while (monthsAfter(anchorMs, cycle + 1) <= nowMs) cycle++;
  return {
    terms,
    anchorMs,
    cycle,
    startedMs: monthsAfter(anchorMs, cycle),
    renewsMs: monthsAfter(anchorMs, cycle + 1),
    bankCapTokens: bankCapTokens(terms),
  };
}
