import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { AssetSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { computeSpecOf, workOf } from './compute.js';
import { requestMessage } from './image-request.js';
import { model } from './model.fixture.js';
import { fullOperation, operationOf } from './picture-operation.js';

type Asked = Parameters<typeof create<typeof ImageRequestSchema>>[1];
type Operation = NonNullable<NonNullable<Asked>['operation']>;
const assetId = model.leonardoId;
const upscale = (factor = 0): Operation => ({ assetId, kind: { case: 'upscale', value: { factor } } });
const cutOut: Operation = { assetId, kind: { case: 'removeBackground', value: {} } };

const full = (asked: Asked, asset: Parameters<typeof create<typeof AssetSchema>>[1] = { widthPx: 640, heightPx: 480 }) => {
  const request = create(ImageRequestSchema, asked);
  return fullOperation(request, operationOf(request), create(AssetSchema, asset), model);
};
const refusal = (...parameters: Parameters<typeof full>) => {
  try {
    full(...parameters);
    return undefined;
  } catch (error) {
    if (error instanceof TesseraError) return `${error.reason} ${error.param}`;
    throw error;
  }
};

describe('what is done with a picture', () => {
  it('has its size, and is the same when it is read again', () => {
    const request = full({ operation: upscale(2.5) });
    expect(request).toMatchObject({
      widthPx: 1600,
      heightPx: 1200,
      images: 1,
      modelId: model.modelId,
      operation: { kind: 'upscale', assetId },
    });
    const message = create(ImageRequestSchema, requestMessage(request));
    expect(message.operation).toMatchObject({ assetId, kind: { case: 'upscale' } });
    expect(full({ operation: cutOut })).toMatchObject({ widthPx: 640, heightPx: 480, operation: { kind: 'removeBackground' } });
  });

  it.each([
    [{ operation: upscale(2) }, { modelId: model.modelId, widthPx: 1280, heightPx: 960, images: 1 }],
    [{ operation: cutOut }, { modelId: model.modelId, widthPx: 640, heightPx: 480, images: 1 }],
  ])('is priced by the megapixels that come out, and takes the device alone: %j', (asked, value) => {
    const request = full(asked);
    expect(computeSpecOf(request, model).spec).toEqual({ case: 'upscale', value });
    expect(workOf(request, 'pool')).toMatchObject({
      pool: 'pool',
      affinity: '',
      units: 1,
      size: (value.widthPx * value.heightPx) / 1_000_000,
    });
  });

  it.each([
    [{ operation: { assetId } }, 'invalid_operation operation'],
    [{ operation: upscale(), prompt: 'a dog' }, 'invalid_operation prompt'],
    [{ operation: upscale(), images: 2 }, 'invalid_operation num_images'],
    [{ operation: upscale(), style: 'VIBRANT' }, 'invalid_operation presetStyle'],
    [{ operation: upscale(), seed: 0n }, 'invalid_operation seed'],
    [{ operation: upscale(), initImage: { assetId } }, 'invalid_operation init_image_id'],
    [{ operation: upscale(), characterId: assetId }, 'invalid_operation character_id'],
    [{ operation: cutOut, widthPx: 640 }, 'invalid_operation width'],
    [{ operation: { ...cutOut, assetId: '../secret' } }, 'unknown_asset asset_id'],
    [{ operation: upscale(9) }, 'invalid_upscale factor'],
    [{ operation: upscale(2), widthPx: 1280 }, 'invalid_upscale factor'],
  ])('is refused: %j', (asked, reason) => {
    expect(refusal(asked)).toBe(reason);
  });

  it('is refused for what is no picture, or too large', () => {
    expect(refusal({ operation: cutOut }, { widthPx: 0, heightPx: 0 })).toBe('unknown_asset asset_id');
    expect(refusal({ operation: cutOut }, { widthPx: 6000, heightPx: 4000 })).toBe('too_many_megapixels asset_id');
    expect(refusal({ operation: upscale(2) }, { widthPx: 4000, heightPx: 3000 })).toBe('too_many_megapixels factor');
  });
});
