import sharp from 'sharp';
import { refuseUnfitSize } from '@tessera/models/upscaling.js';
import type { EncodedImage, PictureSize } from '../diffusion-engine.js';
import { readPicture } from '../pictures/read-picture.js';

/** A plain picture, as large as the one that is read for it or of the size that it shall grow to; refuses what an engine would. */
export async function blankLike(picture: Uint8Array, channels: 3 | 4, size?: PictureSize): Promise<EncodedImage> {
  const source = await readPicture(picture);
  if (size) refuseUnfitSize(source, size, 'size');
  const { widthPx, heightPx } = size ?? source;
  const background = { r: 176, g: 180, b: 188, alpha: 0.5 };
  const bytes = await sharp({ create: { width: widthPx, height: heightPx, channels, background } })
    .png()
    .toBuffer();
  return { widthPx, heightPx, contentType: 'image/png', bytes: new Uint8Array(bytes) };
}
