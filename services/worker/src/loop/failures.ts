import { pause } from '@tessera/platform/concurrency/pause.js';
import { TesseraError } from '@tessera/platform/errors.js';

/** Why a job did not end as asked, in the words of the queue. */
export type Failure = {
  readonly reason: string;
  readonly message: string;
  readonly retryable: boolean;
  /** The worker, not the job, is the reason. */
  readonly countsNoAttempt?: boolean;
};

export const handedBack: Failure = {
  reason: 'worker_stopping',
  message: 'The worker is shutting down.',
  retryable: true,
  countsNoAttempt: true,
};

/** The engine was gone, as the health check agreed: no job is to blame, and it costs none of them an attempt. */
export const engineLost: Failure = {
  reason: 'engine_lost',
  message: 'The engine of the worker is not there.',
  retryable: true,
  countsNoAttempt: true,
};

export const unfinished: Failure = { reason: 'engine_error', message: 'The engine ended without all outputs.', retryable: true };

export const notStored: Failure = { reason: 'storage_error', message: 'The outputs could not be stored.', retryable: true };

/** The request itself is to blame only if it was alone in its batch: else each is tried again by itself. */
export function failureOf(error: unknown, wasAlone: boolean): Failure {
  if (error instanceof TesseraError && !error.retryable && error.kind !== 'Internal' && error.kind !== 'Cancelled' && wasAlone) {
    return { reason: error.reason, message: error.message, retryable: false };
  }
  return { reason: 'engine_error', message: error instanceof TesseraError ? error.message : 'The engine broke down.', retryable: true };
}

/** What may have been paid for elsewhere: no other attempt, whoever is to blame and whatever the worker was about to do. */
export const paidElsewhere = (error: unknown): Failure | undefined =>
  error instanceof TesseraError && hasReason(error, 'outcome_unknown', 'paid_unfinished')
    ? { reason: error.reason, message: error.message, retryable: false }
    : undefined;

export const isUnavailable = (error: unknown): boolean => error instanceof TesseraError && error.kind === 'Unavailable';

export const hasReason = (error: unknown, ...reasons: readonly string[]): boolean =>
  reasons.includes((error as { reason?: string }).reason ?? '');

/** Tries to store or report before the work of the device is lost. */
const deliveryAttemptsMax = 4;
const deliveryRetryMs = 200;

/** Repeats a call while its error says that this may help. */
export async function deliver<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const mayHelp = error instanceof TesseraError && error.retryable;
      if (!mayHelp || attempt >= deliveryAttemptsMax) throw error;
      await pause(deliveryRetryMs * attempt);
    }
  }
}
