import { describe, expect, it } from '@jest/globals';
import { createGenerationBody, imageRequestOf } from './leonardo.js';

const picture = '0199aaaa-0000-7000-8000-000000000000';
const mask = '0199bbbb-0000-7000-8000-000000000000';
const initImageOf = (body: object) => imageRequestOf(createGenerationBody.parse({ prompt: 'x', ...body })).initImage;

describe('the picture to start from', () => {
  it.each([
    ['an init image', { init_image_id: picture }, { assetId: picture, strength: 0.5, maskAssetId: '' }],
    [
      'a generated one, with a strength',
      { init_generation_image_id: picture, init_strength: 0.2 },
      { assetId: picture, strength: 0.2, maskAssetId: '' },
    ],
    [
      'an init image with a mask, painted from nothing',
      { init_image_id: picture, init_mask_id: mask },
      { assetId: picture, strength: 0, maskAssetId: mask },
    ],
    [
      "a canvas in Leonardo's words",
      { canvasRequest: true, canvasRequestType: 'INPAINT', canvasInitId: picture, canvasMaskId: mask },
      { assetId: picture, strength: 0, maskAssetId: mask },
    ],
    [
      'a canvas that goes beyond its picture',
      { canvasRequest: true, canvasRequestType: 'OUTPAINT', canvasInitId: picture, canvasMaskId: mask, init_strength: 0.1 },
      { assetId: picture, strength: 0.1, maskAssetId: mask },
    ],
    [
      'a sketch, whatever mask comes along',
      { canvasRequest: true, canvasRequestType: 'SKETCH2IMG', canvasInitId: picture, canvasMaskId: mask },
      { assetId: picture, strength: 0.5, maskAssetId: '' },
    ],
    [
      'a picture in a larger one',
      { init_image_id: picture, init_placement: { left: 8, top: 0, width: 256, height: 512 } },
      { assetId: picture, strength: 0, maskAssetId: '', placement: { leftPx: 8, topPx: 0, widthPx: 256, heightPx: 512 } },
    ],
    [
      'an unzoom',
      { init_image_id: picture, unzoom: true, unzoomAmount: 2, width: 512, height: 256 },
      { assetId: picture, strength: 0, maskAssetId: '', placement: { leftPx: 128, topPx: 64, widthPx: 256, heightPx: 128 } },
    ],
  ])('is %s', (_name, body, expected) => {
    expect(initImageOf(body)).toEqual(expected);
  });

  it('is none without an id', () => {
    expect(initImageOf({ init_strength: 0.3 })).toBeUndefined();
  });
});
