import {
  conflict,
  internal,
  invalidArgument,
  notFound,
  receivedRefusal,
  unavailable,
  type TesseraError,
} from '@tessera/platform/errors.js';

export const jobNotFound = (): TesseraError => notFound('unknown_job', 'There is no such job.', { param: 'job_id' });

export const keyReused = (): TesseraError =>
  conflict('idempotency_key_reused', 'This idempotency key was used before with another request. Use a new key for a new request.', {
    param: 'idempotency_key',
  });

export const keyOfDeletedJob = (): TesseraError =>
  conflict('job_deleted', 'The job that this idempotency key stands for was deleted. Use a new key for a new job.', {
    param: 'idempotency_key',
  });

export const keyTooLong = (charactersMax: number): TesseraError =>
  invalidArgument('idempotency_key_too_long', `An idempotency key has at most ${charactersMax} characters.`, { param: 'idempotency_key' });

export const invalidSubmission = (message: string): TesseraError => internal('invalid_submission', message);

/** The refusal of an earlier submission with the same key. */
export const refusedBefore = (reason: string, message: string): TesseraError => receivedRefusal('FailedPrecondition', reason, message);

export const holdUnknown = (cause: unknown): TesseraError =>
  unavailable('billing_unavailable', 'The tokens for this job could not be held just now. Nothing was charged; try again.', {
    cause,
    retryAfterMs: 1_000,
  });
