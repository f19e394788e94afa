import { z } from 'zod';
import { invalidField, missingField } from '../../errors.js';
import type { ImageRequestInit } from '../generations.js';

type InitImageInit = NonNullable<ImageRequestInit['initImage']>;

type Optional<T> = T | null | undefined;

/** What of a request says where it starts. */
type StartOfRequest = {
  readonly init_image_id?: Optional<string>;
  readonly init_generation_image_id?: Optional<string>;
  readonly init_strength?: Optional<number>;
  readonly init_mask_id?: Optional<string>;
  readonly init_placement?: Optional<z.infer<typeof placement>>;
  readonly canvasRequest?: Optional<boolean>;
  readonly canvasRequestType?: Optional<'INPAINT' | 'OUTPAINT' | 'SKETCH2IMG' | 'IMG2IMG'>;
  readonly canvasInitId?: Optional<string>;
  readonly canvasMaskId?: Optional<string>;
  readonly unzoom?: Optional<boolean>;
  readonly unzoomAmount?: Optional<number>;
  readonly width?: Optional<number>;
  readonly height?: Optional<number>;
};

const px = z.int().min(0).max(1536);
export const placement = z.strictObject({ left: px, top: px, width: px, height: px });

const defaultStrength = 0.5;
const defaultUnzoom = 1.5;

/** The picture to start from, whichever of Leonardo's ways to name one was taken: init image, canvas or unzoom. */
export function initImageOf(body: StartOfRequest): InitImageInit | undefined {
  const initImageId = body.init_image_id || body.init_generation_image_id;
  const strength = body.init_strength;
  if (body.canvasRequest) {
    const canvas = canvasOf(body);
    return { ...canvas, strength: strength ?? (canvas.maskAssetId ? 0 : defaultStrength) };
  }
  if (body.canvasInitId || body.canvasMaskId || body.canvasRequestType)
    throw invalidField('canvasInitId, canvasMaskId and canvasRequestType need canvasRequest to be true.', 'canvasRequest');
  if (!initImageId) {
    if (body.unzoom || body.init_mask_id || body.init_placement) throw missingField('init_image_id');
    return undefined;
  }
  const place = body.unzoom ? unzoomed(body) : body.init_placement;
  const isPartly = Boolean(place || body.init_mask_id);
  return {
    assetId: initImageId,
    strength: strength ?? (isPartly ? 0 : defaultStrength),
    maskAssetId: body.init_mask_id ?? '',
    ...(place ? { placement: { leftPx: place.left, topPx: place.top, widthPx: place.width, heightPx: place.height } } : {}),
  };
}

function canvasOf({ canvasInitId, canvasMaskId, canvasRequestType }: StartOfRequest): {
  readonly assetId: string;
  readonly maskAssetId: string;
} {
  if (!canvasInitId) throw missingField('canvasInitId');
  if (canvasRequestType === 'SKETCH2IMG' || canvasRequestType === 'IMG2IMG') return { assetId: canvasInitId, maskAssetId: '' };
  if (!canvasMaskId) throw missingField('canvasMaskId');
  return { assetId: canvasInitId, maskAssetId: canvasMaskId };
}

function unzoomed({ width, height, unzoomAmount, init_placement }: StartOfRequest): z.infer<typeof placement> {
  if (init_placement) throw invalidField('Send either unzoom or init_placement.', 'unzoom');
  if (!width) throw missingField('width');
  if (!height) throw missingField('height');
  const amount = unzoomAmount ?? defaultUnzoom;
  const inner = { width: Math.round(width / amount), height: Math.round(height / amount) };
  return { left: Math.floor((width - inner.width) / 2), top: Math.floor((height - inner.height) / 2), ...inner };
}
