import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ComputeSpecSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { WorkSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import type { FullImageRequest } from './image-request.js';

/** What billing must know to price a request. */
export function computeSpecOf(request: FullImageRequest, model: ModelInfo): MessageInitShape<typeof ComputeSpecSchema> {
  const { modelId, widthPx, heightPx, steps, images } = request;
  // Cutting out costs what an enlargement to its own size would.
  if (request.operation) return { spec: { case: 'upscale', value: { modelId, widthPx, heightPx, images } } };
  const superResolution = widthPx > model.nativeWidthPx || heightPx > model.nativeHeightPx;
  const surcharges = [
    ...(request.initImage ? ['init_image'] : []),
    ...(request.guidance?.some(({ kind }) => kind === 'character') ? ['character_reference'] : []),
  ];
  return { spec: { case: 'image', value: { modelId, widthPx, heightPx, steps, images, superResolution, surcharges } } };
}

/** What the queue must know to order, batch and estimate it. */
export function workOf(request: FullImageRequest, pool: string): MessageInitShape<typeof WorkSchema> {
  const { modelId, widthPx, heightPx, steps, guidanceScale, images, initImage, adapters = [] } = request;
  const megapixels = (widthPx * heightPx) / 1_000_000;
  // Each picture takes the device for itself: alone.
  if (request.operation) return { pool, modelId, affinity: '', units: images, size: megapixels };
  return {
    pool,
    modelId,
    // A batch must agree on the noise schedule, and the strength of an init image cuts into it; adapters change the model itself.
    affinity: [
      modelId,
      widthPx,
      heightPx,
      steps,
      guidanceScale,
      initImage ? `init ${initImage.strength}` : 'text',
      ...adapters.map(({ adapterId, weight }) => `${adapterId} ${weight}`),
    ].join('/'),
    units: images,
    // GPU-seconds grow with steps times megapixels times pictures.
    size: megapixels * steps * images,
  };
}
