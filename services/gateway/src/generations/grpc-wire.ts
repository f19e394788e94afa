import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  GenerationState,
  type GenerationPreviewSchema,
  type GenerationProgressSchema,
  type GenerationSchema,
} from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { JobState, type JobPreview, type JobProgress } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { Generation } from './generations.js';

/** A generation as the public gRPC API shows it. */
export const generationMessage = ({ job, links }: Generation): MessageInitShape<typeof GenerationSchema> => ({
  jobId: job.jobId,
  accountId: job.accountId,
  state: states[job.state],
  request: job.request,
  pictures: job.images.map((image) => ({ ...image, url: '', isAccepted: false, ...links.get(image.imageId) })),
  notices: job.notices.map(({ kind, message }) => ({ kind, message })),
  ...(job.failure ? { failure: { reason: job.failure.reason, message: job.failure.message } } : {}),
  ...(job.quote ? { quote: job.quote } : {}),
  chargedTokens: job.chargedTokens,
  lane: job.lane,
  attempt: job.attempt,
  createdMs: job.createdMs,
  startedMs: job.startedMs,
  finishedMs: job.finishedMs,
  queuedForMs: job.timings?.queuedMs ?? 0n,
  computeMs: job.timings?.computeMs ?? 0n,
  storingMs: job.timings?.storingMs ?? 0n,
  modelVersion: job.modelVersion,
  queuePosition: job.queuePosition,
});

const states = {
  [JobState.UNSPECIFIED]: GenerationState.UNSPECIFIED,
  [JobState.ACCEPTED]: GenerationState.ACCEPTED,
  [JobState.QUEUED]: GenerationState.QUEUED,
  [JobState.RUNNING]: GenerationState.RUNNING,
  [JobState.SUCCEEDED]: GenerationState.SUCCEEDED,
  [JobState.FAILED]: GenerationState.FAILED,
  [JobState.CANCELLED]: GenerationState.CANCELLED,
  [JobState.EXPIRED]: GenerationState.EXPIRED,
  [JobState.REJECTED]: GenerationState.REJECTED,
} as const satisfies Record<JobState, GenerationState>;

export const progressMessage = ({ step, steps }: JobProgress): MessageInitShape<typeof GenerationProgressSchema> => ({ step, steps });

export const previewMessage = ({ index, step, contentType, data }: JobPreview): MessageInitShape<typeof GenerationPreviewSchema> => ({
  index,
  step,
  contentType,
  data,
});
