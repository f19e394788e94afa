import type { EncodedImage } from '../../diffusion-engine.js';
import type { Pipeline } from '../../flow/pipeline.js';
import type { Manifest } from '@tessera/models/manifest.js';

/** Pictures are nearly the same from here on: samples are looked at, not sold. */
const sampleSteps = 8;
/** Samples of all trainings start from the same noise, so that they compare. */
const firstSeed = 1;

/** A picture of the model at the seed of its index, with an adapter or without. */
export async function samplePicture(
  pipeline: Pipeline,
  manifest: Manifest,
  of: { readonly modelId: string; readonly prompt: string; readonly index: number; readonly adapter: Uint8Array | undefined },
  isCancelled: () => boolean,
): Promise<EncodedImage> {
  const { modelId, prompt, index, adapter } = of;
  let image: EncodedImage | undefined;
  await pipeline.generate({
    batch: {
      modelId,
      widthPx: manifest.nativeSidePx,
      heightPx: manifest.nativeSidePx,
      steps: Math.min(sampleSteps, manifest.limits.maxSteps),
      guidanceScale: manifest.limits.defaultGuidanceScale,
      previewEverySteps: 0,
      adapters: adapter ? [{ id: 'trained', bytes: adapter, weight: 1 }] : [],
      requests: [{ requestId: 'sample', prompt, negativePrompt: '', seed: firstSeed + index, images: 1, style: 'NONE' }],
    },
    askedMs: 0,
    emit: (update) => {
      if (update.type === 'image') image = update.image;
    },
    isCancelled,
  });
  if (!image) throw new Error('The pipeline has ended without a picture');
  return image;
}
