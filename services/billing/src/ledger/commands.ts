import type { Attribution, Entry, FundingAsked, GrantedLot, PaymentFacts, PlanAsked, Posting, ReversedPart } from './account.js';
import type { BucketName } from './buckets.js';
import { holdAlreadySettled, holdExpired, holdReleased, jobClosed, jobIdReused, operationIdReused, unknownHold } from '../errors.js';
import { canonical } from './hash.js';
import type { ComputeSpec, Quote, QuoteLine } from '../catalogue/quote.js';
import type { SettingsChange } from './settings.js';
import type { Pause, Terms } from './terms.js';

/** Why a hold went back: the caller's word, or one of billing's own two. */
export const releasedByDeadline = 'hold_deadline';
export const releasedWithNothing = 'nothing_delivered';

export type Grant = { readonly bucket: BucketName; readonly tokens: number; readonly expiresMs?: number };

/** What can be asked of an account. `nowMs` is when it was asked: the rules have no clock of their own. */
export type Command = { readonly nowMs: number } & (
  | {
      readonly kind: 'open';
      readonly plan: string;
      readonly grants: readonly Grant[];
      readonly terms?: Terms;
      readonly utcOffsetMinutes?: number;
    }
  | {
      readonly kind: 'topUp';
      readonly operationId: string;
      readonly tokens: number;
      /** What was paid for them. */ readonly payment?: PaymentFacts;
      /** The operator gives them, whatever the plan may buy. */ readonly isForced?: true;
      /** Of the plan, and of the cheapest one with which packs are sold, for a refusal. */ readonly names?: {
        readonly plan: string;
        readonly withPacks: string;
      };
    }
  | ({
      readonly kind: 'reserve';
      readonly jobId: string;
      readonly compute: ComputeSpec;
      readonly quote: Quote;
      readonly deadlineMs: number;
    } & Attribution)
  | {
      readonly kind: 'settle';
      readonly jobId: string;
      readonly unitsDelivered: number;
      readonly chargedLines: readonly QuoteLine[];
      /** When the job ended, which may be long before this command arrives. */ readonly finishedMs: number;
    }
  | { readonly kind: 'release'; readonly jobId: string; readonly reason: string }
  | { readonly kind: 'changePlan'; readonly operationId: string; readonly terms: Terms }
  | { readonly kind: 'cancel'; readonly operationId: string; /** Of the plan that comes after. */ readonly terms: Terms }
  | {
      readonly kind: 'pause';
      readonly operationId: string;
      /** Of the plan that holds meanwhile. */ readonly terms: Terms;
      readonly pause: Pause;
    }
  | { readonly kind: 'resume'; readonly operationId: string; /** By the one who collects the money. */ readonly isCollected?: true }
  | ({
      readonly kind: 'fund';
      readonly operationId: string;
      /** Of the plan that holds while an unpaid one rests. */ readonly terms: Terms;
    } & FundingAsked)
  /** `charged` are the postings by which a settlement spent; empty for a top-up. `part`: so much of a top-up, by an id of its own. */
  | {
      readonly kind: 'reverse';
      readonly reversedOperationId: string;
      readonly charged: readonly Posting[];
      readonly part?: ReversedPart;
    }
  /** Keeps what is left of a top-up from being spent, or lets it be spent again. */
  | { readonly kind: 'freeze'; readonly operationId: string; readonly frozenOperationId: string; readonly isFrozen: boolean }
  | { readonly kind: 'configure'; readonly operationId: string; readonly change: SettingsChange }
);

export const openingOfAccount = 'open';
export const topUpOperation = (operationId: string): string => `topup:${operationId}`;
/** A job's first entry. A release that overtook its reservation takes this id too, and so keeps the late reservation out. */
export const holdOperation = (jobId: string): string => `hold:${jobId}`;
/** A job's last entry. Settlement and release share it: a hold is closed once. */
export const closeOperation = (jobId: string): string => `close:${jobId}`;
/** A cycle ends once: its successor ends later. */
export const renewalOperation = (dueMs: number): string => `renewal:${dueMs}`;
export const planOperation = (operationId: string): string => `plan:${operationId}`;
export const settingsOperation = (operationId: string): string => `settings:${operationId}`;
/** An operation is reversed once, or in parts. */
export const reversalOperation = (reversedOperationId: string, part?: ReversedPart): string =>
  `reversal:${reversedOperationId}${part ? `:${part.id}` : ''}`;
export const freezeOperation = (operationId: string, isFrozen: boolean): string => `${isFrozen ? 'freeze' : 'thaw'}:${operationId}`;
export const expireOperation = (lotId: string): string => `expire:${lotId}`;

/** Entries that an earlier delivery of a command, or the command it competes with, may have left. */
export type Past = { readonly opening?: Entry | undefined; readonly closing?: Entry | undefined };

/** Operation ids under which a command's past would lie. */
export function pastOperations(command: Command): { opening: string; closing?: string } {
  switch (command.kind) {
    case 'open':
      return { opening: openingOfAccount };
    case 'topUp':
      return { opening: topUpOperation(command.operationId) };
    case 'changePlan':
    case 'cancel':
    case 'pause':
    case 'resume':
    case 'fund':
      return { opening: planOperation(command.operationId) };
    case 'configure':
      return { opening: settingsOperation(command.operationId) };
    case 'reverse':
      return { opening: reversalOperation(command.reversedOperationId, command.part) };
    case 'freeze':
      return { opening: freezeOperation(command.operationId, command.isFrozen) };
    case 'reserve':
    case 'settle':
    case 'release':
      return { opening: holdOperation(command.jobId), closing: closeOperation(command.jobId) };
  }
}

/** The entry that an operation has made already, a refusal when the past forbids it, or nothing when it is still to be done. */
export function earlierEffect(command: Command, { opening, closing }: Past): Entry | undefined {
  if (command.kind === 'settle' || command.kind === 'release')
    return closing ? repeatedClosing(command, closing) : overtakenBy(command, opening);
  if (!opening || command.kind === 'open' || command.kind === 'reverse') return opening;
  if (command.kind !== 'reserve') {
    if (!isRepeat(command, opening)) throw operationIdReused();
    return opening;
  }
  if (opening.kind !== 'hold' || closing?.kind === 'release') throw jobClosed(command.jobId);
  if (canonical(opening.compute) !== canonical(command.compute)) throw jobIdReused(command.jobId);
  return opening;
}

function isRepeat(
  command: Extract<Command, { kind: 'topUp' | 'changePlan' | 'cancel' | 'pause' | 'resume' | 'fund' | 'freeze' | 'configure' }>,
  earlier: Entry,
): boolean {
  switch (command.kind) {
    case 'topUp':
      return earlier.kind === 'topup' && earlier.lots[0]?.tokens === command.tokens;
    case 'configure':
      return earlier.kind === 'settings' && canonical(earlier.change) === canonical(command.change);
    case 'freeze':
      return earlier.kind === 'freeze' && earlier.frozenOperationId === command.frozenOperationId;
    case 'resume':
      return earlier.kind === 'plan' && earlier.asked.isResumption === true;
    default:
      return earlier.kind === 'plan' && canonical(earlier.asked) === canonical(askedBy(command));
  }
}

/** What an entry remembers of a change of plan, to know it again. */
export const askedBy = (command: Extract<Command, { kind: 'changePlan' | 'cancel' | 'pause' | 'fund' }>): PlanAsked => ({
  plan: command.terms.plan,
  seats: command.terms.seats,
  isCancellation: command.kind === 'cancel',
  ...(command.kind === 'pause' ? { pause: command.pause } : {}),
  ...(command.kind === 'fund'
    ? { funding: { payer: command.payer, graceMs: command.graceMs, ...(command.period ? { period: command.period } : {}) } }
    : {}),
});

type Closing = Extract<Command, { kind: 'settle' | 'release' }>;

function repeatedClosing(command: Closing, closing: Entry): Entry {
  if (command.kind === 'release') {
    if (closing.kind === 'release') return closing;
    throw holdAlreadySettled(command.jobId);
  }
  if (closing.kind === 'settle') {
    if (closing.imagesDelivered === command.unitsDelivered) return closing;
    throw holdAlreadySettled(command.jobId);
  }
  throw closing.kind === 'release' && closing.reason === releasedByDeadline ? holdExpired(command.jobId) : holdReleased(command.jobId);
}

function overtakenBy(command: Closing, opening: Entry | undefined): Entry | undefined {
  if (opening?.kind !== 'release') return undefined;
  if (command.kind === 'release') return opening;
  throw unknownHold(command.jobId);
}

/** Lots that a command's grants become; a lot is named after the operation that brought it. */
export const lotsOf = (operationId: string, grants: readonly Grant[]): GrantedLot[] =>
  grants.map((grant) => ({ ...grant, lotId: grants.length === 1 ? operationId : `${operationId}:${grant.bucket}` }));
