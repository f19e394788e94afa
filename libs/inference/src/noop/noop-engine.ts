import { describeModels } from '@tessera/models/describe-models.js';
import type { Family } from '@tessera/models/families.js';
import { cancelled, unavailable } from '@tessera/platform/errors.js';
import {
  DiffusionEngine,
  type EncodedImage,
  type EngineDescription,
  type GenerateBatch,
  type GenerateUpdate,
  type PictureSize,
  type UpscaleUpdate,
} from '../diffusion-engine.js';
import { refuseUnsupportedBatch } from '../supported-batch.js';

/** A grey 8 x 8 picture, precomputed: encoding one would be most of what this engine does. */
const tinyPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAMAAADz0U65AAAAA1BMVEWwtLwgWlfRAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQImWNgoA4AAABIAAF7pRHIAAAAAElFTkSuQmCC',
  'base64',
);
const tinySidePx = 8;

/** Answers at once with a tiny picture, whatever was asked: for tests of everything around the engine, and of its load. */
export class NoopEngine extends DiffusionEngine {
  #isClosed = false;

  constructor(private readonly manifests: readonly Family[]) {
    super();
  }

  override async describe(): Promise<EngineDescription> {
    return { engine: 'noop', models: describeModels('noop', this.manifests) };
  }

  override async *generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate> {
    if (this.#isClosed) throw unavailable('engine_unavailable', 'The engine has been closed.');
    refuseUnsupportedBatch(this.manifests, batch);
    const refuseIfCancelled = () => {
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    };
    refuseIfCancelled();
    if (batch.requests.some(({ initImage, guidance = [] }) => initImage || guidance.length > 0)) {
      // Loaded where it is needed: the codec of pictures takes its memory, and whoever only asks what can be generated needs none.
      const { refuseUnreadable } = await import('./refuse-unreadable.js');
      await refuseUnreadable(batch);
    }
    for (let step = 1; step <= batch.steps; step += 1) {
      refuseIfCancelled();
      yield { type: 'step', step, steps: batch.steps };
      if (batch.previewEverySteps > 0 && step % batch.previewEverySteps === 0 && step < batch.steps)
        yield* pictures(batch, (requestId, index, image) => ({ type: 'preview', requestId, index, step, image }));
    }
    refuseIfCancelled();
    yield* pictures(batch, (requestId, index, image) => ({ type: 'image', requestId, index, image }));
  }

  override async removeBackground(_modelId: string | undefined, picture: Uint8Array): Promise<EncodedImage> {
    const { blankLike } = await import('./blank-pictures.js');
    return blankLike(picture, 4);
  }

  override async *upscale(
    _modelId: string | undefined,
    picture: Uint8Array,
    size: PictureSize,
    signal: AbortSignal,
  ): AsyncIterable<UpscaleUpdate> {
    const { blankLike } = await import('./blank-pictures.js');
    const image = await blankLike(picture, 3, size);
    if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    yield { type: 'step', step: 1, steps: 1 };
    yield { type: 'image', image };
  }

  override async warm(): Promise<void> {}

  override async close(): Promise<void> {
    this.#isClosed = true;
  }
}

function* pictures(
  batch: GenerateBatch,
  update: (requestId: string, index: number, image: EncodedImage) => GenerateUpdate,
): Iterable<GenerateUpdate> {
  for (const { requestId, images } of batch.requests) {
    for (let index = 0; index < images; index += 1)
      yield update(requestId, index, {
        widthPx: tinySidePx,
        heightPx: tinySidePx,
        contentType: 'image/png',
        bytes: new Uint8Array(tinyPng),
      });
  }
}
