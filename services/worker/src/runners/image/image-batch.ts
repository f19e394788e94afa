import type { Guidance, ImageRequest, InitImage } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { GuidanceInput, InitImageInput, GenerateBatch, GenerateRequest } from '@tessera/inference/diffusion-engine.js';
import { isGuidanceKind } from '@tessera/models/guidance.js';
import type { InputPictures } from './input-pictures.js';

/** A leased job of the batch, its request unpacked and its pictures read. */
export type ImageJob = { readonly lease: Lease; readonly request: ImageRequest; readonly inputs: InputPictures };

/** What the engine is asked for. The queue puts only such jobs together as agree on model, size, steps, guidance and adapters. */
export function imageBatch(
  first: ImageRequest,
  jobs: readonly ImageJob[],
  uploaded: ReadonlyMap<string, Uint8Array>,
  previewEverySteps: number,
): GenerateBatch {
  const { modelId, widthPx, heightPx, steps, guidanceScale } = first;
  const adapters = first.adapters.map(({ adapterId, weight, assetId }) => {
    const bytes = uploaded.get(assetId);
    return { id: adapterId, weight, ...(bytes ? { bytes } : {}) };
  });
  return {
    modelId,
    widthPx,
    heightPx,
    steps,
    guidanceScale,
    previewEverySteps,
    requests: jobs.map(requestOf),
    ...(adapters.length > 0 ? { adapters } : {}),
  };
}

function requestOf({ lease, request, inputs }: ImageJob): GenerateRequest {
  return {
    requestId: lease.jobId,
    prompt: request.prompt,
    negativePrompt: request.negativePrompt,
    seed: Number(request.seed ?? 0n),
    images: request.images,
    style: request.style,
    ...(request.initImage ? { initImage: initImageOf(request.initImage, inputs) } : {}),
    ...(request.guidance.length > 0 ? { guidance: request.guidance.flatMap((guidance) => guidanceOf(guidance, inputs)) } : {}),
  };
}

function initImageOf({ assetId, strength, maskAssetId, placement }: InitImage, inputs: InputPictures): InitImageInput {
  const mask = inputs.get(maskAssetId);
  return { bytes: inputs.get(assetId) ?? new Uint8Array(), strength, ...(mask ? { mask } : {}), ...(placement ? { placement } : {}) };
}

/** What this worker's version does not know was refused when the job was accepted. */
function guidanceOf({ kind, assetId, strength, subject }: Guidance, inputs: InputPictures): GuidanceInput[] {
  return isGuidanceKind(kind) ? [{ kind, bytes: inputs.get(assetId) ?? new Uint8Array(), strength, subject }] : [];
}
