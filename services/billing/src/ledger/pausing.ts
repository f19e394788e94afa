import type { Account, EntryDraft } from './account.js';
import { askedBy, type Command } from './commands.js';
import { nothingToPause, nothingToResume, resumesTooEarly, subscriptionUnpaid } from '../errors.js';
import { ledgerTime } from './evolve.js';
import { allowanceOf, begin, planEntry } from './life-cycle.js';

/** The plan runs to the end of the month that is paid for. Then it rests: no allowance, no price, and the bank lies frozen until the plan goes on. */
export function pause(account: Account, command: Extract<Command, { kind: 'pause' }>): EntryDraft {
  const present = account.subscription;
  if (present?.terms.cadence !== 'monthly' || present.next?.pause) throw nothingToPause();
  const { resumesMs } = command.pause;
  if (resumesMs !== undefined && resumesMs <= (present.renewsMs ?? 0)) throw resumesTooEarly();
  return planEntry(
    account,
    command,
    askedBy(command),
    { ...present, next: { terms: command.terms, isCancellation: false, pause: command.pause } },
    [],
  );
}

/** Takes a planned pause back, or begins a new cycle of the plan that rests: at once, under the terms that it had. Not unpaid, unless the one who collects says so. */
export function resume(account: Account, command: Extract<Command, { kind: 'resume' }>): EntryDraft {
  const present = account.subscription;
  if (present?.paused) {
    const { terms, isUnpaid } = present.paused;
    const { funding } = present;
    const atMs = ledgerTime(account, command.nowMs);
    if (isUnpaid || (funding && !command.isCollected && funding.paidUntilMs <= atMs)) throw subscriptionUnpaid();
    const begun = begin(terms, atMs, { frozenCapTokens: present.bankCapTokens, utcOffsetMinutes: account.settings.utcOffsetMinutes });
    return planEntry(
      account,
      command,
      {
        plan: terms.plan,
        seats: terms.seats,
        isCancellation: false,
        isResumption: true,
        ...(command.isCollected ? { isCollected: true } : {}),
      },
      funding ? { ...begun, funding } : begun,
      allowanceOf(begun),
    );
  }
  if (!present?.next?.pause) throw nothingToResume();
  const { next: _, ...kept } = present;
  return planEntry(
    account,
    command,
    { plan: kept.terms.plan, seats: kept.terms.seats, isCancellation: false, isResumption: true },
    kept,
    [],
  );
}
