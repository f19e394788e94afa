import type { ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Asset } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { refuseTooLarge, upscaledSize } from '@tessera/models/upscaling.js';
import { invalidArgument, notFound, type TesseraError } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import type { FullImageRequest, OperationUse } from './image-request.js';

export const unknownPicture = (): TesseraError => notFound('unknown_asset', 'There is no such picture.', { param: 'asset_id' });

/** Refuses what is wrong with it before the picture is looked for. */
export function operationOf({ operation, ...request }: ImageRequest): OperationUse {
  if (operation?.kind.case === undefined) throw invalidOperation('Say what is to be done with the picture.', 'operation');
  const stray = strayField(request, operation.kind.case);
  if (stray !== undefined) throw invalidOperation(`What is done with a picture takes no ${stray.replaceAll('_', ' ')}.`, stray);
  if (!isUuid(operation.assetId)) throw unknownPicture();
  return { kind: operation.kind.case, assetId: operation.assetId.toLowerCase() };
}

/** The first field that has no meaning here: dropping it would deliver something else than was asked for. */
function strayField(request: Omit<ImageRequest, 'operation'>, kind: OperationUse['kind']): string | undefined {
  const {
    prompt,
    negativePrompt,
    images,
    steps,
    guidanceScale,
    seed,
    style,
    initImage,
    guidance,
    adapters,
    widthPx,
    heightPx,
    characterId,
    characterSubject,
  } = request;
  const given: Readonly<Record<string, boolean>> = {
    prompt: prompt !== '',
    negative_prompt: negativePrompt !== '',
    num_images: images > 1,
    num_inference_steps: steps !== 0,
    guidance_scale: guidanceScale !== 0,
    seed: seed !== undefined,
    presetStyle: style !== '' && style.toUpperCase() !== 'NONE',
    init_image_id: initImage !== undefined,
    guidance: guidance.length > 0,
    adapters: adapters.length > 0,
    character_id: characterId !== '',
    character_subject: characterSubject !== '',
    ...(kind === 'removeBackground' ? { width: widthPx !== 0, height: heightPx !== 0 } : {}),
  };
  return Object.keys(given).find((name) => given[name]);
}

/** With nothing left open: what is stored, priced and done. A picture made of another one is as private as an upload, so no plan is asked for that. */
export function fullOperation(asked: ImageRequest, use: OperationUse, asset: Asset | undefined, model: ModelInfo): FullImageRequest {
  if (!asset || asset.widthPx === 0 || asset.heightPx === 0) throw unknownPicture();
  const { widthPx, heightPx } = sizeOf(asked, use, asset);
  return {
    prompt: '',
    negativePrompt: '',
    modelId: model.modelId,
    widthPx,
    heightPx,
    images: 1,
    steps: 0,
    guidanceScale: 0,
    seed: 0,
    style: 'NONE',
    operation: use,
    isPublic: asked.isPublic,
  };
}

function sizeOf(
  { operation, widthPx, heightPx }: ImageRequest,
  { kind }: OperationUse,
  source: Asset,
): { readonly widthPx: number; readonly heightPx: number } {
  if (kind === 'upscale') {
    const factor = operation?.kind.case === 'upscale' ? operation.kind.value.factor : 0;
    return upscaledSize(source, { factor, widthPx, heightPx });
  }
  refuseTooLarge(source, 'asset_id');
  return source;
}

const invalidOperation = (message: string, param: string): TesseraError => invalidArgument('invalid_operation', message, { param });
