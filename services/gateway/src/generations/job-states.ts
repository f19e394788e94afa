import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { finalStateOf } from '@tessera/events/job-states.js';

const names = {
  [JobState.UNSPECIFIED]: 'unknown',
  [JobState.ACCEPTED]: 'accepted',
  [JobState.QUEUED]: 'queued',
  [JobState.RUNNING]: 'running',
  [JobState.SUCCEEDED]: 'succeeded',
  [JobState.FAILED]: 'failed',
  [JobState.CANCELLED]: 'cancelled',
  [JobState.EXPIRED]: 'expired',
  [JobState.REJECTED]: 'rejected',
} as const satisfies Record<JobState, string>;

export const nameOfState = (state: JobState): (typeof names)[JobState] => names[state];

export const isFinal = (state: JobState): boolean => finalStateOf(state) !== undefined;
