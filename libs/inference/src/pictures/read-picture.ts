import sharp from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import { initPixelsMax } from './init-image.js';

/** RGB and, where the picture has transparency, how opaque each pixel is. */
export type ReadPicture = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rgb: Uint8Array;
  readonly alpha: Uint8Array | undefined;
};

const opaque = 255;
/** How far colours reach into what is transparent. */
const bleedPx = 4;

/** Opens a finished picture, upright and in sRGB. What is transparent gets the colours beside it: whatever stood there unseen would be drawn into the edges of an enlargement. */
export async function readPicture(bytes: Uint8Array): Promise<ReadPicture> {
  const { data, info } = await decoded(bytes);
  const { width: widthPx, height: heightPx } = info;
  const area = widthPx * heightPx;
  const rgb = new Uint8Array(3 * area);
  const alpha = new Uint8Array(area);
  for (let pixel = 0; pixel < area; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) rgb[3 * pixel + channel] = data[4 * pixel + channel] ?? 0;
    alpha[pixel] = data[4 * pixel + 3] ?? 0;
  }
  if (alpha.every((level) => level === opaque)) return { widthPx, heightPx, rgb, alpha: undefined };
  const bled = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 4 } })
    .blur(bleedPx)
    .raw()
    .toBuffer();
  for (let pixel = 0; pixel < area; pixel += 1)
    if (alpha[pixel] === 0) for (let channel = 0; channel < 3; channel += 1) rgb[3 * pixel + channel] = bled[4 * pixel + channel] ?? 0;
  return { widthPx, heightPx, rgb, alpha };
}

async function decoded(bytes: Uint8Array) {
  try {
    return await sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  } catch (cause) {
    throw unreadablePicture(cause);
  }
}

export const unreadablePicture = (cause: unknown) =>
  invalidArgument('unreadable_picture', 'The picture could not be read: send a whole PNG, JPEG or WebP of at most 40 megapixels.', {
    param: 'picture',
    cause,
  });
