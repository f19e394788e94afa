import sharp, { type Sharp } from 'sharp';
import { decodeInitImage } from '../../pictures/init-image.js';
import type { Window } from '../layout/layout.js';

/** The init picture as the native square in -1..1, `[3, side, side]`: it fills the window, and its edge pixels go on outside of it. */
export async function readInitPicture(bytes: Uint8Array, nativePx: number, window: Window): Promise<Float32Array> {
  return toPlanes(await decodeInitImage(bytes, (picture) => onSquare(picture, nativePx, window)), nativePx);
}

/** The same for pixels that have been read before: RGB, or one value each. */
export async function squarePlanes(
  pixels: { readonly data: Uint8Array; readonly widthPx: number; readonly heightPx: number; readonly channels: 1 | 3 },
  nativePx: number,
  window: Window,
): Promise<Float32Array> {
  const { data, widthPx, heightPx, channels } = pixels;
  return toPlanes(await onSquare(sharp(data, { raw: { width: widthPx, height: heightPx, channels } }), nativePx, window), nativePx);
}

async function onSquare(picture: Sharp, nativePx: number, window: Window): Promise<Buffer> {
  const width = Math.max(1, Math.round(window.width));
  const height = Math.max(1, Math.round(window.height));
  const left = Math.min(Math.round(window.left), nativePx - width);
  const top = Math.min(Math.round(window.top), nativePx - height);
  const fitted = await picture.resize(width, height, { fit: 'cover' }).png().toBuffer();
  return sharp(fitted)
    .extend({ left, top, right: nativePx - width - left, bottom: nativePx - height - top, extendWith: 'copy' })
    .removeAlpha()
    .raw()
    .toBuffer();
}

/** `[channels, side, side]` in -1..1. */
function toPlanes(pixels: Uint8Array, nativePx: number): Float32Array {
  const area = nativePx * nativePx;
  const channels = pixels.length / area;
  const planes = new Float32Array(channels * area);
  for (let pixel = 0; pixel < area; pixel += 1)
    for (let channel = 0; channel < channels; channel += 1)
      planes[channel * area + pixel] = (pixels[pixel * channels + channel] ?? 0) / 127.5 - 1;
  return planes;
}
