import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';

const finalStates = new Map([
  [JobState.SUCCEEDED, 'succeeded'],
  [JobState.FAILED, 'failed'],
  [JobState.CANCELLED, 'cancelled'],
  [JobState.EXPIRED, 'expired'],
  [JobState.REJECTED, 'rejected'],
] as const);

/** How a job ended. */
export type FinalState = typeof finalStates extends ReadonlyMap<unknown, infer Name> ? Name : never;

/** Undefined while the job goes on, and for a state that a later release may add. */
export const finalStateOf = (state: JobState): FinalState | undefined => (finalStates as ReadonlyMap<JobState, FinalState>).get(state);
