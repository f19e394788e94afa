import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobState, type GeneratedImage, type ImageRequestSchema, type JobOutcomeSchema, type JobSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { outgoingEvent, type OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hasEnded, type JobLife } from '@tessera/jobs/job-life.js';
import type { StoredJob } from '@tessera/jobs/job.store.js';
import { currentTraceparent, traceIdOf, withTraceparent } from '@tessera/platform/trace.js';
import type { FullImageRequest } from './image-request.js';

export const jobCollectionName = 'generation.jobs';

type StoredQuote = { readonly wallet?: string; readonly catalogueVersion: string; readonly lines: readonly { kind: string; description: string; tokens: number }[]; readonly totalTokens: number };
type StoredImage = {
  readonly imageId: string;
  readonly index: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
};

/** What generation keeps of a job, beside what the queue keeps. */
export type ImageJobPayload = {
  readonly request: FullImageRequest;
  /** Hash of the request as it came, before defaults were drawn: a repeated idempotency key must bring the same. */
  readonly fingerprint: string;
  readonly hasKey: boolean;
  /** Who asked; absent or empty: nobody in particular. */
  readonly memberId?: string;
  readonly project?: string;
  /** What it is to be paid with; absent: as the account's plan says. */
  readonly wallet?: string;
  /** One for each picture to come, so that every attempt writes the same files. */
  readonly imageIds: readonly string[];
  readonly quote?: StoredQuote;
  readonly images?: readonly StoredImage[];
  readonly notices?: readonly { kind: string; message: string }[];
  readonly modelVersion?: string;
  /** `compute_ms`, by the name under which it is stored. */
  readonly paintingMs?: number;
  readonly storingMs?: number;
};

export type ImageJob = StoredJob<ImageJobPayload>;

const stateNumbers = {
  accepted: JobState.ACCEPTED,
  queued: JobState.QUEUED,
  running: JobState.RUNNING,
  succeeded: JobState.SUCCEEDED,
  failed: JobState.FAILED,
  cancelled: JobState.CANCELLED,
  expired: JobState.EXPIRED,
  rejected: JobState.REJECTED,
} as const satisfies Record<JobLife['state'], JobState>;

export const stateNumberOf = ({ value }: ImageJob): JobState => stateNumbers[value.life.state];

export const storedQuote = ({ catalogueVersion, lines, totalTokens, wallet }: Quote): StoredQuote => ({
  ...(wallet === '' || wallet === 'plan' ? {} : { wallet }),
  catalogueVersion,
  lines: lines.map(({ kind, description, tokens }) => ({ kind, description, tokens: Number(tokens) })),
  totalTokens: Number(totalTokens),
});

export const storedImage = ({ imageId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }: GeneratedImage): StoredImage => ({
  imageId, index, widthPx, heightPx, contentType, sizeBytes: Number(sizeBytes), sha256,
});

export const requestMessage = ({ seed, initImage, guidance, adapters, ...rest }: FullImageRequest): MessageInitShape<typeof ImageRequestSchema> => ({
  ...rest,
  seed: BigInt(seed),
  ...(initImage ? { initImage: { ...initImage } } : {}),
  ...(adapters ? { adapters: adapters.map((each) => ({ ...each })) } : {}),
  ...(guidance ? { guidance: guidance.map((each) => ({ ...each })) } : {}),
});

export function jobMessage({ id, revision, value }: ImageJob, queuePosition = 0): MessageInitShape<typeof JobSchema> {
  const { life, payload, accountId, createdMs } = value;
  return {
    jobId: id,
    accountId,
    state: stateNumbers[life.state],
    request: requestMessage(payload.request),
    images: (payload.images ?? []).map((image) => ({ ...image, sizeBytes: BigInt(image.sizeBytes) })),
    notices: (payload.notices ?? []).map((notice) => ({ ...notice })),
    ...('failure' in life ? { failure: { ...life.failure } } : {}),
    ...(payload.quote ? { quote: quoteMessage(payload.quote) } : {}),
    chargedTokens: BigInt(chargedTokensOf(life, payload)),
    lane: 'lane' in life ? (life.lane ?? '') : '',
    attempt: 'attempt' in life ? life.attempt : 0,
    createdMs: BigInt(createdMs),
    startedMs: BigInt(startedMsOf(life)),
    finishedMs: BigInt(hasEnded(life) ? life.finishedMs : 0),
    revision: BigInt(revision),
    timings: {
      queuedMs: BigInt(queuedMsOf(life)),
      computeMs: BigInt(payload.paintingMs ?? 0),
      storingMs: BigInt(payload.storingMs ?? 0),
    },
    modelVersion: payload.modelVersion ?? '',
    queuePosition,
  };
}

export const outcomeMessage = ({ id, value: { life, payload, accountId } }: ImageJob): MessageInitShape<typeof JobOutcomeSchema> => ({
  jobId: id,
  accountId,
  state: stateNumbers[life.state],
  imagesDelivered: life.state === 'succeeded' ? (payload.images?.length ?? 0) : 0,
  finishedMs: BigInt(hasEnded(life) ? life.finishedMs : 0),
  imageIds: life.state === 'succeeded' ? (payload.images ?? []).map(({ imageId }) => imageId) : [],
});

const quoteMessage = ({ catalogueVersion, lines, totalTokens, wallet = 'plan' }: StoredQuote) => ({
  wallet,
  catalogueVersion,
  lines: lines.map((line) => ({ ...line, tokens: BigInt(line.tokens) })),
  totalTokens: BigInt(totalTokens),
});

/** The bill is billing's; here stands what is known without asking: everything delivered costs what was quoted. */
function chargedTokensOf(life: JobLife, { quote, images, request }: ImageJobPayload): number {
  return life.state === 'succeeded' && images?.length === request.images ? (quote?.totalTokens ?? 0) : 0;
}

const startedMsOf = (life: JobLife): number => ('startedMs' in life ? (life.startedMs ?? 0) : 0);

function queuedMsOf(life: JobLife): number {
  const enqueuedMs = 'enqueuedMs' in life ? life.enqueuedMs : undefined;
  const startedMs = startedMsOf(life);
  return enqueuedMs === undefined || startedMs === 0 ? 0 : Math.max(0, startedMs - enqueuedMs);
}

/** Carries the trace of the submission, whoever ended the job: the step that ended it, if that is part of the trace, else the submission. */
export function finishedEvent(job: ImageJob, hasHold: boolean): OutgoingEvent {
  const { life, accountId, payload, traceparent } = job.value;
  if (!hasEnded(life)) throw new Error(`Job ${job.id} has not finished`);
  const here = currentTraceparent();
  const isSameTrace = here !== undefined && traceparent !== undefined && traceIdOf(here) === traceIdOf(traceparent);
  return withTraceparent(isSameTrace ? here : traceparent, () =>
    outgoingEvent(JobFinishedSchema, job.id, {
      jobId: job.id,
      accountId,
      state: stateNumbers[life.state],
      imagesDelivered: life.state === 'succeeded' ? (payload.images?.length ?? 0) : 0,
      ...('failure' in life ? { failure: { ...life.failure } } : {}),
      finishedMs: BigInt(life.finishedMs),
      gpuSeconds: life.gpuSeconds,
      hasHold,
    }),
  );
}
