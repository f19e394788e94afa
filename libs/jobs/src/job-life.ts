import { failedPrecondition, type TesseraError } from '@tessera/platform/errors.js';
import type { Lane } from './lanes.js';

export type JobFailure = { readonly reason: string; readonly message: string };

export type Lease = { readonly leaseId: string; readonly workerId: string; readonly expiresMs: number };

/** What a job takes along from the moment it is queued. */
type Place = {
  readonly lane: Lane;
  /** Start tag of fair queueing, in GPU-seconds of virtual time; 0 puts a job before all others. */
  readonly tag: number;
  readonly enqueuedMs: number;
  /** A job that nobody has begun by then expires. */
  readonly startDeadlineMs: number;
  /** Running jobs that its account may have; 0 is unlimited. */
  readonly concurrentJobsMax: number;
  /** Number of the attempt in hand or to come, from 1. */
  readonly attempt: number;
};

export type Accepted = { readonly state: 'accepted'; /** When a sweeper takes over from whoever accepted it. */ readonly resumeMs: number };
/** `isParked`: its account runs as many jobs as it may, so no worker sees it yet and its tag means nothing. */
export type Queued = Place & { readonly state: 'queued'; readonly isParked: boolean };
export type Running = Place & { readonly state: 'running'; readonly lease: Lease; readonly startedMs: number };
type Ending = {
  readonly finishedMs: number;
  readonly gpuSeconds: number;
  /** Absent for a job that never got that far. */
  readonly lane?: Lane;
  readonly enqueuedMs?: number;
  readonly startedMs?: number;
  readonly attempt: number;
  /** The lease under which it ended, so that a repeated completion is recognised. */
  readonly leaseId?: string;
};
export type Succeeded = Ending & { readonly state: 'succeeded' };
export type Unsuccessful = Ending & { readonly state: 'failed' | 'cancelled' | 'expired' | 'rejected'; readonly failure: JobFailure };

export type JobLife = Accepted | Queued | Running | Succeeded | Unsuccessful;
export type Final = Succeeded | Unsuccessful;
export type JobState = JobLife['state'];

/** Attempts before a job that keeps losing its worker fails: one bad request must not grind through the pool for ever. */
export const attemptsMax = 3;
/** The same for a process that ended with everything in it: mostly somebody's restart and no fault of the job, but a job that brings the process down must not do so for ever. */
export const attemptsThroughRestartsMax = 10;

export const finalStates: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled', 'expired', 'rejected']);

export const hasEnded = (life: JobLife): life is Final => finalStates.has(life.state);

const illegal = (life: JobLife, step: string): TesseraError =>
  failedPrecondition('illegal_transition', `A job that is ${life.state} cannot be ${step}.`);

export const leaseLost = (): TesseraError => failedPrecondition('lease_lost', 'The job is no longer leased under this lease; drop it.');

export function enqueue(life: JobLife, place: Omit<Place, 'attempt'> & { readonly isParked: boolean }): Queued {
  if (life.state !== 'accepted') throw illegal(life, 'queued');
  return { ...place, state: 'queued', attempt: 1 };
}

/** A place among its account's running jobs has become free. */
export function unpark(life: JobLife, tag: number): Queued {
  if (life.state !== 'queued' || !life.isParked) throw illegal(life, 'unparked');
  return { ...life, isParked: false, tag };
}

export function claim(life: JobLife, lease: Lease, nowMs: number): Running {
  if (life.state !== 'queued' || life.isParked) throw illegal(life, 'claimed');
  const { isParked: _, ...place } = life;
  return { ...place, state: 'running', lease, startedMs: nowMs };
}

/** Throws `lease_lost` unless the job runs under that very lease. */
export function leased(life: JobLife, leaseId: string): Running {
  if (life.state !== 'running' || life.lease.leaseId !== leaseId) throw leaseLost();
  return life;
}

export function renew(life: JobLife, leaseId: string, expiresMs: number): Running {
  const running = leased(life, leaseId);
  return { ...running, lease: { ...running.lease, expiresMs } };
}

/** Back to the front of its lane. Keeps its slot among the account's running jobs, so it is not parked. */
export function requeue(life: JobLife, { countsAsAttempt }: { countsAsAttempt: boolean }): Queued {
  if (life.state !== 'running') throw illegal(life, 'requeued');
  const { lease: _lease, startedMs: _startedMs, ...place } = life;
  return { ...place, state: 'queued', isParked: false, tag: 0, attempt: life.attempt + (countsAsAttempt ? 1 : 0) };
}

export const hasAttemptsLeft = (life: Running, max = attemptsMax): boolean => life.attempt < max;

const endingOf = (life: JobLife, nowMs: number, gpuSeconds: number): Ending => ({
  finishedMs: nowMs,
  gpuSeconds,
  attempt: 'attempt' in life ? life.attempt : 0,
  ...('lane' in life && life.lane !== undefined ? { lane: life.lane } : {}),
  ...('enqueuedMs' in life && life.enqueuedMs !== undefined ? { enqueuedMs: life.enqueuedMs } : {}),
  ...(life.state === 'running' ? { startedMs: life.startedMs, leaseId: life.lease.leaseId } : {}),
});

export function succeed(life: JobLife, leaseId: string, nowMs: number, gpuSeconds: number): Succeeded {
  return { ...endingOf(leased(life, leaseId), nowMs, gpuSeconds), state: 'succeeded' };
}

export function fail(life: JobLife, failure: JobFailure, nowMs: number, gpuSeconds: number): Unsuccessful {
  if (life.state !== 'running') throw illegal(life, 'failed');
  return { ...endingOf(life, nowMs, gpuSeconds), state: 'failed', failure };
}

export function cancel(life: JobLife, nowMs: number): Unsuccessful {
  if (hasEnded(life)) throw illegal(life, 'cancelled');
  return { ...endingOf(life, nowMs, 0), state: 'cancelled', failure: { reason: 'cancelled', message: 'Cancelled on request.' } };
}

export function expire(life: JobLife, nowMs: number): Unsuccessful {
  if (life.state !== 'queued') throw illegal(life, 'expired');
  return {
    ...endingOf(life, nowMs, 0),
    state: 'expired',
    failure: { reason: 'start_deadline', message: 'No worker could begin it before its deadline.' },
  };
}

export function reject(life: JobLife, failure: JobFailure, nowMs: number): Unsuccessful {
  if (life.state !== 'accepted') throw illegal(life, 'rejected');
  return { ...endingOf(life, nowMs, 0), state: 'rejected', failure };
}
