import { alreadyExists, type ReasonEntry } from './reason-entry.js';

/** The life of a job, from its submission to its end. */
export const jobReasons = {
  unknown_job: { kind: 'NotFound', explains: 'The account has no job with this id.' },
  idempotency_key_reused: {
    kind: 'Conflict',
    grpc: alreadyExists,
    repeat: false,
    explains: 'The idempotency key was used before with another request. Use a new key for a new request.',
  },
  job_deleted: {
    kind: 'Conflict',
    grpc: alreadyExists,
    repeat: false,
    explains: 'The job that the idempotency key stands for was deleted. Use a new key for a new job.',
  },
  idempotency_key_too_long: { kind: 'InvalidArgument', explains: 'The idempotency key has more characters than are kept.' },
  queue_full: {
    kind: 'ResourceExhausted',
    explains: 'The account has as many jobs waiting as its plan allows. `Retry-After` says when to come back.',
  },
  job_ended: {
    kind: 'FailedPrecondition',
    explains: 'The job was cancelled, deleted, refused or has expired, so there is nothing more to get from it.',
  },
  job_failed: {
    kind: 'Internal',
    explains: 'The job was taken, and failed for a reason of the server; its tokens were returned. Read the job to see why.',
  },
  still_painting: {
    kind: 'DeadlineExceeded',
    repeat: false,
    explains:
      'The call has waited as long as it does, and the job goes on. Read it by its id; a repeat without an idempotency key would be a second job.',
  },
  result_unavailable: {
    kind: 'Unavailable',
    repeat: false,
    explains:
      'The job was taken, and its result could not be read just now. Read it by its id; a repeat without an idempotency key would be a second job.',
  },
  engine_error: { kind: 'Internal', explains: 'The engine failed in every attempt; the tokens were returned.' },
  engine_lost: {
    kind: 'Unavailable',
    explains: 'The engine of the worker was not there; the job went back to the queue at no cost of an attempt.',
  },
  worker_stopping: {
    kind: 'Unavailable',
    explains: 'The worker was shutting down; the job went back to the queue at no cost of an attempt.',
  },
  unreadable_payload: {
    kind: 'Internal',
    explains: 'The worker cannot read the request of the job: it is older or newer than the service that wrote it.',
  },
  storage_error: { kind: 'Internal', explains: 'The results could not be stored in any attempt; the tokens were returned.' },
  start_deadline: {
    kind: 'DeadlineExceeded',
    repeat: false,
    explains: 'No worker could begin the job before its deadline; the tokens were returned.',
  },
  hold_lost: { kind: 'FailedPrecondition', explains: 'The tokens that were held for the job were returned before it was queued.' },
  billing_unavailable: { kind: 'Unavailable', explains: 'The tokens for the job could not be held just now. Nothing was charged.' },
  lease_lost: {
    kind: 'FailedPrecondition',
    explains: 'The worker fell silent, and the job was given to another one or given up; the tokens of a job that ended so were returned.',
  },
  illegal_transition: { kind: 'FailedPrecondition', explains: 'The job is in a state from which this step is not possible.' },
  too_many_leases: { kind: 'InvalidArgument', explains: 'A worker reports more leases in one heartbeat than it may hold.' },
  invalid_outputs: {
    kind: 'InvalidArgument',
    explains: 'A worker delivers other files than its lease names, or other units than were priced.',
  },
  invalid_submission: { kind: 'Internal', explains: 'A service has submitted a job without what a job needs.' },
  unknown_pool: { kind: 'InvalidArgument', explains: 'There is no such pool of workers.' },
  unknown_metric: { kind: 'InvalidArgument', explains: 'The scaler has no such metric.' },
  invalid_scaler_metadata: {
    kind: 'InvalidArgument',
    explains: 'The metadata of the ScaledObject cannot be used; the message says which.',
  },
} as const satisfies Record<string, ReasonEntry>;
