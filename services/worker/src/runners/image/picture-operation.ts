import type { DiffusionEngine, EncodedImage } from '@tessera/inference/diffusion-engine.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { Update } from '../../runner.js';
import type { ImageJob } from './image-batch.js';

/** Does with the picture of one job what it asks for. */
export async function* operate(
  engine: DiffusionEngine,
  { lease: { jobId }, request, inputs }: ImageJob,
  signal: AbortSignal,
): AsyncIterable<Update> {
  const { operation, modelId, widthPx, heightPx } = request;
  const picture = inputs.get(operation?.assetId ?? '') ?? new Uint8Array();
  switch (operation?.kind.case) {
    case 'upscale':
      for await (const update of engine.upscale(modelId, picture, { widthPx, heightPx }, signal)) {
        if (update.type === 'step') yield { type: 'progress', step: update.step, steps: update.steps };
        else yield outputOf(jobId, update.image);
      }
      break;
    case 'removeBackground':
      yield outputOf(jobId, await engine.removeBackground(modelId, picture, signal));
      break;
    case undefined:
      throw invalidArgument(
        'invalid_operation',
        'This worker does not know what is to be done with the picture: it is older than the job.',
      );
  }
  yield { type: 'finished', jobId, units: request.images };
}

const outputOf = (jobId: string, { contentType, bytes, widthPx, heightPx }: EncodedImage): Update => ({
  type: 'output',
  jobId,
  index: 0,
  contentType,
  content: bytes,
  widthPx,
  heightPx,
});
