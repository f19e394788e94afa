import sharp, { type Sharp } from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';

/** A decompression bomb is refused before it is decoded. */
export const initPixelsMax = 40_000_000;

/** Opens an uploaded picture, upright, in sRGB and on white; whatever is wrong with it becomes one refusal. */
export async function decodeInitImage<Result>(bytes: Uint8Array, use: (picture: Sharp) => Promise<Result>): Promise<Result> {
  try {
    return await use(
      sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' })
        .autoOrient()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb'),
    );
  } catch (cause) {
    throw invalidArgument(
      'unreadable_init_image',
      'The init image could not be read: send a whole PNG, JPEG or WebP of at most 40 megapixels.',
      { param: 'init_image', cause },
    );
  }
}

/** RGB of the whole init image, laid over the delivered picture. */
export const readWhole = (bytes: Uint8Array, widthPx: number, heightPx: number): Promise<Uint8Array> =>
  decodeInitImage(bytes, (picture) => picture.resize(widthPx, heightPx, { fit: 'cover' }).removeAlpha().raw().toBuffer());

/** RGB of the init image as it is, made smaller where a side is longer than that. */
export const readWithin = (bytes: Uint8Array, sidePxMax: number): Promise<{ widthPx: number; heightPx: number; data: Uint8Array }> =>
  decodeInitImage(bytes, async (picture) => {
    const { data, info } = await picture
      .resize(sidePxMax, sidePxMax, { fit: 'inside', withoutEnlargement: true })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { widthPx: info.width, heightPx: info.height, data };
  });
