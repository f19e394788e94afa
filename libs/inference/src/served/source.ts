import sharp from 'sharp';
import type { GenerateBatch, InitImageInput } from '../diffusion-engine.js';
import { decodeInitImage } from '../pictures/init-image.js';
import { type InpaintInput, readInpaintInput } from '../pictures/inpaint-input.js';
import type { Source } from './order.js';

type Size = Pick<GenerateBatch, 'widthPx' | 'heightPx'>;

/** Reads an init image, its mask and its place, and lays it out as the delivered picture. */
export async function readSource(init: InitImageInput, { widthPx, heightPx }: Size): Promise<Source> {
  const { bytes, strength } = init;
  const inpaint = await readInpaintInput(init, widthPx, heightPx);
  if (inpaint) {
    const picture = await sharp(inpaint.known, { raw: { width: widthPx, height: heightPx, channels: 3 } })
      .png()
      .toBuffer();
    return { picture, strength, inpaint };
  }
  const picture = await decodeInitImage(bytes, (decoded) =>
    decoded.resize(widthPx, heightPx, { fit: 'cover' }).removeAlpha().png().toBuffer(),
  );
  return { picture, strength };
}

/** A mask as a server reads it: white is generated anew, or what is transparent. */
export async function maskPicture({ mask, widthPx, heightPx }: InpaintInput, repaints: 'white' | 'transparent'): Promise<Uint8Array> {
  if (repaints === 'white')
    return sharp(mask, { raw: { width: widthPx, height: heightPx, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
  const pixels = Buffer.alloc(4 * mask.length);
  for (const [pixel, level] of mask.entries()) pixels[4 * pixel + 3] = 255 - level;
  return sharp(pixels, { raw: { width: widthPx, height: heightPx, channels: 4 } })
    .png()
    .toBuffer();
}
