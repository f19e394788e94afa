import { create, toBinary, toJson, type MessageInitShape } from '@bufbuild/protobuf';
import { ComputeSpecSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Migration } from '@tessera/documents/documents.js';
import type { JobLife } from '@tessera/jobs/job-life.js';
import type { JobRecord } from '@tessera/jobs/job.store.js';
import type { JobPayload } from './job-record.js';

/** Version 1: a job was an image job, and its request lay open. */
type ImageJobRecord = {
  readonly accountId: string;
  readonly createdMs: number;
  readonly work: {
    readonly pool: string;
    readonly modelId: string;
    readonly affinity: string;
    readonly images: number;
    readonly workUnits: number;
    readonly gpuSecondsEstimated: number;
  };
  readonly life: JobLife;
  readonly traceparent?: string;
  readonly payload: ImageJobPayload;
};

type ImageRequestRecord = Omit<MessageInitShape<typeof ImageRequestSchema>, '$typeName' | 'seed'> & {
  readonly prompt: string;
  readonly modelId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly steps: number;
  readonly images: number;
  readonly seed: number;
};

type ImageJobPayload = Pick<
  JobPayload,
  'hasKey' | 'memberId' | 'project' | 'wallet' | 'quote' | 'notices' | 'modelVersion' | 'storingMs'
> & {
  readonly request: ImageRequestRecord;
  readonly fingerprint: string;
  readonly imageIds: readonly string[];
  readonly images?: readonly {
    readonly imageId: string;
    readonly index: number;
    readonly widthPx: number;
    readonly heightPx: number;
    readonly contentType: string;
    readonly sizeBytes: number;
    readonly sha256: string;
  }[];
  readonly paintingMs?: number;
};

/** Above it the bundled models of version 1 enlarged their pictures, which is priced; those of operators made theirs at the size that was asked for. */
const mosaicSidePx = 128;

function migratedPayload({ request, fingerprint, imageIds, images, paintingMs, ...kept }: ImageJobPayload, life: JobLife): JobPayload {
  const { seed, ...asked } = request;
  const message = toBinary(ImageRequestSchema, create(ImageRequestSchema, { ...asked, seed: BigInt(seed) }));
  return {
    ...kept,
    request: { typeUrl: `type.googleapis.com/${ImageRequestSchema.typeName}`, value: Buffer.from(message).toString('base64') },
    requestDigest: fingerprint,
    text: request.prompt,
    outputIds: imageIds,
    ...(life.state === 'accepted' ? { compute: computeOf(request) } : {}),
    ...(images ? { outputs: images.map(({ imageId, ...image }) => ({ assetId: imageId, ...image })), unitsDelivered: images.length } : {}),
    ...(paintingMs === undefined ? {} : { computeMs: paintingMs }),
  };
}

/** The price of a job whose tokens may not be held yet is asked for again. */
function computeOf({ modelId, widthPx, heightPx, steps, images, initImage, guidance = [] }: ImageRequestRecord): object {
  const superResolution = modelId.startsWith('mosaic') && Math.max(widthPx, heightPx) > mosaicSidePx;
  const surcharges = [
    ...(initImage ? ['init_image'] : []),
    ...(guidance.some(({ kind }) => kind === 'character') ? ['character_reference'] : []),
  ];
  return toJson(
    ComputeSpecSchema,
    create(ComputeSpecSchema, {
      spec: { case: 'image', value: { modelId, widthPx, heightPx, steps, images, superResolution, surcharges } },
    }),
  ) as object;
}

const lastChangeMs = (life: JobLife, createdMs: number): number =>
  'finishedMs' in life
    ? life.finishedMs
    : 'startedMs' in life
      ? (life.startedMs ?? createdMs)
      : 'enqueuedMs' in life
        ? life.enqueuedMs
        : createdMs;

/** What makes a job of any kind of an image job; the fields by which a job is found (queueKey, slotOf, dueMs …) have kept their names. */
function fromImageJob(value: Readonly<Record<string, unknown>>): object {
  const { accountId, createdMs, work, life, payload, ...indexFields } = value as unknown as ImageJobRecord;
  const { images, workUnits, ...place } = work;
  const record: JobRecord<JobPayload> = {
    accountId,
    createdMs,
    work: { kind: 'image', ...place, units: images, size: workUnits },
    life,
    changedMs: lastChangeMs(life, createdMs),
    payload: migratedPayload(payload, life),
  };
  return { ...indexFields, ...record };
}

export const jobCollectionVersion = 2;
export const jobMigrations: readonly Migration[] = [{ from: 1, migrate: fromImageJob }];
