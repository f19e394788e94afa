import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ImageRequestSchema, type ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Job } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { unknownJob } from '../errors.js';

/** The kind of job whose payload is an ImageRequest and whose outputs are pictures. */
export const imageKind = 'image';

export type JobImage = {
  readonly imageId: string;
  readonly index: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly contentType: string;
  readonly sizeBytes: bigint;
  readonly sha256: string;
};

/** A job whose payload is known to be an image request. */
export type ImageJob = Omit<Job, '$typeName' | '$unknown' | 'payload' | 'outputs'> & {
  readonly request: ImageRequest;
  readonly images: readonly JobImage[];
};

/** A job of another kind is no generation: NotFound, as for an id that is nobody's. */
export function imageJobOf({ $typeName: _, $unknown: __, payload, outputs, ...job }: Job): ImageJob {
  const request = job.kind === imageKind && payload ? anyUnpack(payload, ImageRequestSchema) : undefined;
  if (!request) throw unknownJob();
  return { ...job, request, images: outputs.map(({ assetId, ...output }) => ({ imageId: assetId, ...output })) };
}
