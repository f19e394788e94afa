import { conflict, failedPrecondition, invalidArgument, notFound, resourceExhausted } from '@tessera/platform/errors.js';

const tokenCount = (tokens: number): string => `${tokens.toLocaleString('en-US')} ${tokens === 1 ? 'token' : 'tokens'}`;

/** Billing's refusals. None of them leaves a trace in an account. */
export const unknownAccount = (accountId: string) => notFound('unknown_account', `There is no account ${accountId}.`);
export const unknownPlan = (plan: string) => invalidArgument('unknown_plan', `There is no plan "${plan}".`, { param: 'plan' });
export const unknownBill = (jobId: string) => notFound('unknown_bill', `Job ${jobId} has never held tokens of this account.`);
export const unknownCatalogue = (version: string) =>
  failedPrecondition('unknown_catalogue_version', `Catalogue ${version}, at which this job was quoted, is no longer part of the price list.`);

export const invalidId = (param: string, shape: string) => invalidArgument('invalid_id', `${param} must be ${shape}.`, { param });
export const invalidField = (param: string, message: string) => invalidArgument('invalid_field', message, { param });
export const invalidAmount = (param: string, message: string) => invalidArgument('invalid_amount', message, { param });
export const unknownSurcharge = (name: string) => invalidArgument('unknown_surcharge', `The price list has no surcharge "${name}".`, { param: 'compute.surcharges' });

export const insufficientTokens = (needed: number, available: number) =>
  failedPrecondition('insufficient_tokens', `This job needs ${tokenCount(needed)} and the account has ${available.toLocaleString('en-US')}.`);
export const deadlinePassed = () => invalidArgument('deadline_passed', 'The deadline of the hold lies in the past.', { param: 'deadline_ms' });

export const unknownHold = (jobId: string) => notFound('unknown_hold', `Job ${jobId} holds no tokens of this account.`);
export const holdAlreadySettled = (jobId: string) => failedPrecondition('hold_already_settled', `Job ${jobId} has been charged already.`);
export const holdReleased = (jobId: string) => failedPrecondition('hold_released', `The tokens of job ${jobId} have been returned already.`);
export const holdExpired = (jobId: string) => failedPrecondition('hold_expired', `The hold of job ${jobId} was past its deadline.`);
export const settleExceedsHold = (jobId: string, what: string) => failedPrecondition('settle_exceeds_hold', `Job ${jobId} cannot be charged for more than it holds: ${what}.`);
export const jobClosed = (jobId: string) => failedPrecondition('job_closed', `Job ${jobId} has ended; it cannot hold tokens any more.`);
export const jobIdReused = (jobId: string) => conflict('job_id_reused', `Job ${jobId} holds tokens for a different computation.`, { param: 'job_id', retryable: false });
export const operationIdReused = (operationId: string) =>
  conflict('operation_id_reused', `Operation ${operationId} has been carried out with a different amount.`, { param: 'operation_id', retryable: false });

export const accountBusy = () => resourceExhausted('account_busy', 'Too many operations wait for this account.', { retryAfterMs: 200 });
export const tooManyHolds = () => resourceExhausted('too_many_holds', 'The account has too many open holds; some jobs must end first.', { retryAfterMs: 1_000 });
export const tooManyLots = () => failedPrecondition('too_many_lots', 'The account has too many unspent grants; some must be spent first.');
export const tooManyWaiters = () => resourceExhausted('too_many_waiters', 'Too many callers wait for bills.', { retryAfterMs: 1_000 });
