import { conflict, failedPrecondition, invalidArgument, notFound, resourceExhausted } from '@tessera/platform/errors.js';

const tokenCount = (tokens: number): string => `${tokens.toLocaleString('en-US')} ${tokens === 1 ? 'token' : 'tokens'}`;

/** Billing's refusals. None of them leaves a trace in an account. */
export const unknownAccount = () =>
  notFound('unknown_account', 'There is no such account, or it has no such wallet.', { param: 'account_id' });
export const unknownPlan = (plan: string) => invalidArgument('unknown_plan', `There is no plan "${plan}".`, { param: 'plan' });
export const unknownPack = (pack: string) => invalidArgument('unknown_pack', `There is no token pack "${pack}".`, { param: 'pack' });
export const brokenCatalogue = (where: string) =>
  invalidArgument('broken_catalogue', `The price list makes no sense at ${where}`, { param: 'catalogue' });
export const unknownProvider = (provider: string) =>
  notFound('unknown_payment_provider', `No payment provider "${provider}" is connected to this server.`);
export const tooManyPayments = () =>
  resourceExhausted('too_many_payments', 'Too many updates of payments at once.', { retryAfterMs: 1_000 });
export const unknownBill = () => notFound('unknown_bill', 'There is no bill for a job with this id.', { param: 'job_id' });
export const unknownCatalogue = (version: string) =>
  failedPrecondition(
    'unknown_catalogue_version',
    `Catalogue ${version}, at which this job was quoted, is no longer part of the price list.`,
  );

export const creditsNotSold = () => failedPrecondition('credits_not_sold', 'The price list sells no API credits.');
export const notPriced = (kind: string) => failedPrecondition('not_priced', `The price list has no price for ${kind}.`);

export const invalidId = (param: string, shape: string) => invalidArgument('invalid_id', `${param} must be ${shape}.`, { param });
export const invalidField = (param: string, message: string) => invalidArgument('invalid_field', message, { param });
export const invalidAmount = (param: string, message: string) => invalidArgument('invalid_amount', message, { param });
export const unknownSurcharge = (name: string) =>
  invalidArgument('unknown_surcharge', `The price list has no surcharge "${name}".`, { param: 'compute.surcharges' });

export const insufficientTokens = (needed: number, available: number) =>
  failedPrecondition(
    'insufficient_tokens',
    `This job needs ${tokenCount(needed)} and the account has ${available.toLocaleString('en-US')}.`,
  );
export const insufficientCredits = (needed: number, available: number) =>
  failedPrecondition(
    'insufficient_credits',
    `This job needs ${needed.toLocaleString('en-US')} API credits and the account has ${available.toLocaleString('en-US')}.`,
  );
export const creditsHaveNoCycle = () =>
  invalidField('spend_cap', 'API credits are bought and have no cycle that could be capped; set low_balance.');
export const deadlinePassed = () =>
  invalidArgument('deadline_passed', 'The deadline of the hold lies in the past.', { param: 'deadline_ms' });

export const unknownHold = (jobId: string) => notFound('unknown_hold', `Job ${jobId} holds no tokens of this account.`);
export const holdAlreadySettled = (jobId: string) => failedPrecondition('hold_already_settled', `Job ${jobId} has been charged already.`);
export const holdReleased = (jobId: string) =>
  failedPrecondition('hold_released', `The tokens of job ${jobId} have been returned already.`);
export const holdExpired = (jobId: string) => failedPrecondition('hold_expired', `The hold of job ${jobId} was past its deadline.`);
export const settleExceedsHold = (jobId: string, what: string) =>
  failedPrecondition('settle_exceeds_hold', `Job ${jobId} cannot be charged for more than it holds: ${what}.`);
export const jobClosed = (jobId: string) => failedPrecondition('job_closed', `Job ${jobId} has ended; it cannot hold tokens any more.`);
export const jobIdReused = (jobId: string) =>
  conflict('job_id_reused', `Job ${jobId} holds tokens for a different computation.`, { param: 'job_id' });
export const operationIdReused = () =>
  conflict('operation_id_reused', 'This key was used before for something else. Use a new key for a new operation.', {
    param: 'operation_id',
  });

export const accountBusy = () => resourceExhausted('account_busy', 'Too many operations wait for this account.', { retryAfterMs: 200 });
export const tooManyHolds = () =>
  resourceExhausted('too_many_holds', 'The account has too many open holds; some jobs must end first.', { retryAfterMs: 1_000 });
export const tooManyLots = () => failedPrecondition('too_many_lots', 'The account has too many unspent grants; some must be spent first.');
export const tooManyWaiters = () => resourceExhausted('too_many_waiters', 'Too many callers wait for bills.', { retryAfterMs: 1_000 });

export const planUnchanged = (plan: string) =>
  failedPrecondition('plan_unchanged', `The account is on the plan ${plan} already, with as many seats.`);
export const nothingToCancel = () => failedPrecondition('nothing_to_cancel', 'The account has no plan that renews each month.');
export const nothingToPause = () =>
  failedPrecondition('nothing_to_pause', 'The account has no plan that renews each month, or it is paused already.');
export const nothingToResume = () => failedPrecondition('nothing_to_resume', 'The account has no plan that is paused, or about to be.');
export const nothingToFund = () => failedPrecondition('nothing_to_fund', 'The account has no plan that this subscription pays for.');
export const subscriptionUnpaid = () =>
  failedPrecondition('subscription_unpaid', 'The plan rests because its subscription is not paid. It goes on with the next payment.');
export const unknownPayment = (paymentId: string) =>
  notFound('unknown_payment', `There is no payment ${paymentId}.`, { param: 'payment_id' });
export const paymentIdReused = (paymentId: string) =>
  conflict('payment_id_reused', `Payment ${paymentId} is known for another account or another pack.`, { param: 'payment_id' });
export const paymentNotWaiting = (paymentId: string) =>
  failedPrecondition('payment_not_waiting', `Payment ${paymentId} does not wait for a decision.`);
export const resumesTooEarly = () =>
  invalidArgument('resumes_too_early', 'A plan pauses at the end of its month; it can only go on after that.', { param: 'resumes_ms' });
export const invalidSeats = (min: number, max: number) =>
  invalidField('seats', min === max ? `This plan has ${min} seat.` : `This plan has ${min} to ${max.toLocaleString('en-US')} seats.`);
export const seatsTaken = (members: number) =>
  failedPrecondition('seats_taken', `The account has ${members} members; the plan has fewer seats.`);
export const noSeatFree = (membersMax: number) => failedPrecondition('no_seat_free', `All ${membersMax} seats are taken.`);
export const unknownMember = (memberId: string) => notFound('unknown_member', `The account has no member ${memberId}.`);
export const memberCapReached = (memberId: string, capTokens: number) =>
  failedPrecondition('member_cap_reached', `Member ${memberId} may spend ${tokenCount(capTokens)} in a cycle; this job would exceed that.`);
export const spendCapReached = (capTokens: number) =>
  failedPrecondition('spend_cap_reached', `The account may spend ${tokenCount(capTokens)} in a cycle; this job would exceed that.`);
export const nothingToReverse = (operationId: string) =>
  failedPrecondition('nothing_to_reverse', `Nothing is left of ${operationId} that could be taken back.`);
export const unknownOperation = (operationId: string) => notFound('unknown_operation', `The account has no operation ${operationId}.`);
export const tooManyRows = (max: number) =>
  invalidArgument('too_many_rows', `The report would have more than ${max.toLocaleString('en-US')} rows; ask for a shorter period.`, {
    param: 'period',
  });
