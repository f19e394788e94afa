import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import type { JobOutcomeSchema, JobSchema, Output, OutputSchema, SubmitRequest } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent, type OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hasEnded, type JobLife } from '@tessera/jobs/job-life.js';
import { currentTraceparent, traceIdOf, withTraceparent } from '@tessera/platform/trace.js';
import {
  stateNumberOf,
  unitsDeliveredOf,
  type Job,
  type JobPayload,
  type StoredAny,
  type StoredOutput,
  type StoredQuote,
} from './job-record.js';

export const storedQuote = ({ catalogueVersion, lines, totalTokens, wallet }: Quote): StoredQuote => ({
  ...(wallet === '' || wallet === 'plan' ? {} : { wallet }),
  catalogueVersion,
  lines: lines.map(({ kind, description, tokens }) => ({ kind, description, tokens: Number(tokens) })),
  totalTokens: Number(totalTokens),
});

const quoteMessage = ({ catalogueVersion, lines, totalTokens, wallet = 'plan' }: StoredQuote) => ({
  wallet,
  catalogueVersion,
  lines: lines.map((line) => ({ ...line, tokens: BigInt(line.tokens) })),
  totalTokens: BigInt(totalTokens),
});

export const storedAny = ({ typeUrl, value }: NonNullable<SubmitRequest['payload']>): StoredAny => ({
  typeUrl,
  value: Buffer.from(value).toString('base64'),
});

export const anyMessage = ({ typeUrl, value }: StoredAny) => ({ typeUrl, value: new Uint8Array(Buffer.from(value, 'base64')) });

export const storedOutput = ({ assetId, index, contentType, sizeBytes, sha256, widthPx, heightPx }: Output): StoredOutput => ({
  assetId,
  index,
  contentType,
  sizeBytes: Number(sizeBytes),
  sha256,
  widthPx,
  heightPx,
});

const outputMessages = (outputs: readonly StoredOutput[] = []): MessageInitShape<typeof OutputSchema>[] =>
  outputs.map((output) => ({ ...output, sizeBytes: BigInt(output.sizeBytes) }));

export function jobMessage(job: Job, queuePosition = 0): MessageInitShape<typeof JobSchema> {
  const { id, revision, value } = job;
  const { life, payload, work, accountId, createdMs } = value;
  const { checkpoint, quote } = payload;
  return {
    jobId: id,
    kind: work.kind,
    accountId,
    memberId: payload.memberId ?? '',
    project: payload.project ?? '',
    state: stateNumberOf(job),
    work: { pool: work.pool, modelId: work.modelId, affinity: work.affinity, units: work.units, size: work.size },
    ...(quote ? { quote: quoteMessage(quote) } : {}),
    outputs: outputMessages(payload.outputs),
    notices: (payload.notices ?? []).map((notice) => ({ ...notice })),
    ...(checkpoint ? { progress: { step: checkpoint.step } } : {}),
    ...('failure' in life ? { failure: { ...life.failure } } : {}),
    payload: anyMessage(payload.request),
    labels: { text: payload.text ?? '', modelId: work.modelId, tags: [...(payload.tags ?? [])] },
    unitsDelivered: unitsDeliveredOf(job),
    chargedTokens: BigInt(chargedTokensOf(job)),
    lane: 'lane' in life ? (life.lane ?? '') : '',
    attempt: 'attempt' in life ? life.attempt : 0,
    createdMs: BigInt(createdMs),
    startedMs: BigInt(startedMsOf(life)),
    finishedMs: BigInt(hasEnded(life) ? life.finishedMs : 0),
    revision: BigInt(revision),
    timings: timingsOf(life, payload),
    modelVersion: payload.modelVersion ?? '',
    queuePosition,
  };
}

export const outcomeMessage = (job: Job): MessageInitShape<typeof JobOutcomeSchema> => ({
  jobId: job.id,
  accountId: job.value.accountId,
  kind: job.value.work.kind,
  state: stateNumberOf(job),
  unitsDelivered: unitsDeliveredOf(job),
  finishedMs: BigInt(hasEnded(job.value.life) ? job.value.life.finishedMs : 0),
  assetIds: (job.value.payload.outputs ?? []).map(({ assetId }) => assetId),
});

/** Carries the trace of the submission, whoever ended the job: the step that ended it, if that is part of the trace, else the submission. */
export function finishedEvent(job: Job, hasHold: boolean): OutgoingEvent {
  const { life, work, accountId, payload, traceparent } = job.value;
  if (!hasEnded(life)) throw new Error(`Job ${job.id} has not finished`);
  const here = currentTraceparent();
  const isSameTrace = here !== undefined && traceparent !== undefined && traceIdOf(here) === traceIdOf(traceparent);
  return withTraceparent(isSameTrace ? here : traceparent, () =>
    outgoingEvent(JobFinishedSchema, job.id, {
      jobId: job.id,
      accountId,
      kind: work.kind,
      state: stateNumberOf(job),
      unitsDelivered: unitsDeliveredOf(job),
      outputs: outputMessages(payload.outputs),
      ...('failure' in life ? { failure: { ...life.failure } } : {}),
      finishedMs: BigInt(life.finishedMs),
      gpuSeconds: life.gpuSeconds,
      hasHold,
    }),
  );
}

export const deletedEvent = ({ id, value: { accountId } }: Job, deletedMs: number): OutgoingEvent =>
  outgoingEvent(JobDeletedSchema, id, { jobId: id, accountId, deletedMs: BigInt(deletedMs) });

/** The bill is billing's; here stands what is known without asking: everything delivered costs what was quoted. */
function chargedTokensOf({ value: { life, payload, work } }: Job): number {
  return life.state === 'succeeded' && payload.unitsDelivered === work.units ? (payload.quote?.totalTokens ?? 0) : 0;
}

const startedMsOf = (life: JobLife): number => ('startedMs' in life ? (life.startedMs ?? 0) : 0);

function timingsOf(life: JobLife, { computeMs = 0, storingMs = 0 }: JobPayload) {
  const enqueuedMs = 'enqueuedMs' in life ? life.enqueuedMs : undefined;
  const startedMs = startedMsOf(life);
  const queuedMs = enqueuedMs === undefined || startedMs === 0 ? 0 : Math.max(0, startedMs - enqueuedMs);
  return { queuedMs: BigInt(queuedMs), computeMs: BigInt(computeMs), storingMs: BigInt(storingMs) };
}
