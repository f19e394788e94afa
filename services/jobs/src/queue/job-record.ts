import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { JobLife } from '@tessera/jobs/job-life.js';
import type { StoredJob } from '@tessera/jobs/job.store.js';

/** Jobs of every kind. The name is that of the release that knew images alone. */
export const jobCollectionName = 'generation.jobs';

/** A message of whatever type, as its service wrote it: `google.protobuf.Any`, its bytes in base64. */
export type StoredAny = { readonly typeUrl: string; readonly value: string };

export type StoredQuote = {
  readonly wallet?: string;
  readonly catalogueVersion: string;
  readonly lines: readonly { readonly kind: string; readonly description: string; readonly tokens: number }[];
  readonly totalTokens: number;
};

export type StoredOutput = {
  readonly assetId: string;
  readonly index: number;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
};

export type StoredNotice = { readonly kind: string; readonly message: string };

export type StoredCheckpoint = { readonly key: string; readonly step: number; readonly digest: string; readonly units: number };

/** What the service keeps of a job, beside what the queue keeps. */
export type JobPayload = {
  readonly request: StoredAny;
  /** Hash of the request as it was asked, before defaults were drawn: a repeated idempotency key must bring the same. */
  readonly requestDigest: string;
  readonly hasKey: boolean;
  /** Who asked; absent or empty: nobody in particular. */
  readonly memberId?: string;
  readonly project?: string;
  /** What it is to be paid with; absent: as the account's plan says. */
  readonly wallet?: string;
  readonly text?: string;
  readonly tags?: readonly string[];
  /** One for each output to come, so that every attempt writes the same files. */
  readonly outputIds: readonly string[];
  readonly terms?: StoredTerms;
  /** What is priced, as `billing.v1.ComputeSpec` in JSON; kept until the tokens are held. */
  readonly compute?: object;
  readonly quote?: StoredQuote;
  readonly checkpoint?: StoredCheckpoint;
  readonly outputs?: readonly StoredOutput[];
  readonly notices?: readonly StoredNotice[];
  readonly modelVersion?: string;
  /** Set when the job has ended with something delivered. */
  readonly unitsDelivered?: number;
  readonly computeMs?: number;
  readonly storingMs?: number;
};

export type StoredTerms = { readonly startWithinMs?: number; readonly holdMarginMs?: number; readonly chargesCheckpoints?: true };

export type Job = StoredJob<JobPayload>;

/** A job that nobody has begun within a day is of no use any more. */
const startWithinMsDefault = 24 * 3_600_000;
/** The hold outlives the start deadline by all attempts of even a slow picture. */
const holdMarginMsDefault = 6 * 3_600_000;

export const startDeadlineMsOf = ({ value: { createdMs, payload } }: Job): number =>
  createdMs + (payload.terms?.startWithinMs ?? startWithinMsDefault);

export const holdDeadlineMsOf = (job: Job): number =>
  startDeadlineMsOf(job) + (job.value.payload.terms?.holdMarginMs ?? holdMarginMsDefault);

export const stateNumbers = {
  accepted: JobState.ACCEPTED,
  queued: JobState.QUEUED,
  running: JobState.RUNNING,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
  expired: JobState.EXPIRED,
  rejected: JobState.REJECTED,
} as const satisfies Record<JobLife['state'], JobState>;

export const stateNumberOf = ({ value }: Job): JobState => stateNumbers[value.life.state];

/** Units that the caller has got: all that a success delivered; of what ended early, those up to the last checkpoint, where the kind charges for them. */
export function unitsDeliveredOf({ value: { life, payload } }: Job): number {
  if (life.state === 'succeeded') return payload.unitsDelivered ?? 0;
  const endedEarly = life.state === 'failed' || life.state === 'cancelled' || life.state === 'expired';
  return endedEarly && payload.terms?.chargesCheckpoints ? (payload.checkpoint?.units ?? 0) : 0;
}
