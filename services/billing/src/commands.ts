import type { Entry, GrantedLot, Lane } from './account.js';
import type { BucketName } from './buckets.js';
import { holdAlreadySettled, holdExpired, holdReleased, jobClosed, jobIdReused, operationIdReused, unknownHold } from './errors.js';
import { canonical } from './hash.js';
import type { ComputeSpec, Quote, QuoteLine } from './quote.js';

/** Why a hold went back: the caller's word, or one of billing's own two. */
export const releasedByDeadline = 'hold_deadline';
export const releasedWithNothing = 'nothing_delivered';

/** What can be asked of an account. `nowMs` is when it was asked: the rules have no clock of their own. */
export type Command = { readonly nowMs: number } & (
  | { readonly kind: 'open'; readonly plan: string; readonly grants: readonly { bucket: BucketName; tokens: number; expiresMs?: number }[] }
  | { readonly kind: 'topUp'; readonly operationId: string; readonly tokens: number }
  | { readonly kind: 'reserve'; readonly jobId: string; readonly compute: ComputeSpec; readonly quote: Quote; readonly deadlineMs: number; readonly lane: Lane }
  | { readonly kind: 'settle'; readonly jobId: string; readonly imagesDelivered: number; readonly chargedLines: readonly QuoteLine[]; /** When the job ended, which may be long before this command arrives. */ readonly finishedMs: number }
  | { readonly kind: 'release'; readonly jobId: string; readonly reason: string }
);

export const openingOfAccount = 'open';
export const topUpOperation = (operationId: string): string => `topup:${operationId}`;
/** A job's first entry. A release that overtook its reservation takes this id too, and so keeps the late reservation out. */
export const holdOperation = (jobId: string): string => `hold:${jobId}`;
/** A job's last entry. Settlement and release share it: a hold is closed once. */
export const closeOperation = (jobId: string): string => `close:${jobId}`;
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
    case 'reserve':
    case 'settle':
    case 'release':
      return { opening: holdOperation(command.jobId), closing: closeOperation(command.jobId) };
  }
}

/** The entry that an operation has made already, a refusal when the past forbids it, or nothing when it is still to be done. */
export function earlierEffect(command: Command, { opening, closing }: Past): Entry | undefined {
  if (command.kind === 'settle' || command.kind === 'release') return closing ? repeatedClosing(command, closing) : overtakenBy(command, opening);
  if (!opening || command.kind === 'open') return opening;
  if (command.kind === 'topUp') {
    if (opening.kind !== 'topup' || opening.lots[0]?.tokens !== command.tokens) throw operationIdReused(command.operationId);
    return opening;
  }
  if (opening.kind !== 'hold' || closing?.kind === 'release') throw jobClosed(command.jobId);
  if (canonical(opening.compute) !== canonical(command.compute)) throw jobIdReused(command.jobId);
  return opening;
}

type Closing = Extract<Command, { kind: 'settle' | 'release' }>;

function repeatedClosing(command: Closing, closing: Entry): Entry {
  if (command.kind === 'release') {
    if (closing.kind === 'release') return closing;
    throw holdAlreadySettled(command.jobId);
  }
  if (closing.kind === 'settle') {
    if (closing.imagesDelivered === command.imagesDelivered) return closing;
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
export const lotsOf = (operationId: string, grants: readonly { bucket: BucketName; tokens: number; expiresMs?: number }[]): GrantedLot[] =>
  grants.map((grant) => ({ ...grant, lotId: grants.length === 1 ? operationId : `${operationId}:${grant.bucket}` }));
