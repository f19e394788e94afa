import path from 'node:path';
import sharp from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { EncodedImage } from '../../diffusion-engine.js';
import { initPixelsMax } from '../../pictures/init-image.js';
import { unreadablePicture } from '../../pictures/read-picture.js';
import type { Manifest } from '@tessera/models/manifest.js';
import type { Rectangle } from '../layout/layout.js';
import { floats, numbers, type Sessions } from '../sessions.js';

/** RGB pixels. */
export type Pixels = { readonly data: Uint8Array; readonly widthPx: number; readonly heightPx: number };

/** How much each pixel belongs to what the picture shows, 0 to 255, row by row; undefined for a model without a matting head. */
export async function matteOf(
  { data, widthPx, heightPx }: Pixels,
  { folder, nativeSidePx: side, graphs: { matting } }: Manifest,
  sessions: Sessions,
): Promise<Uint8Array | undefined> {
  if (!matting) return undefined;
  const raw = { width: widthPx, height: heightPx, channels: 3 } as const;
  const squeezed = await sharp(data, { raw }).resize(side, side, { fit: 'fill' }).raw().toBuffer();
  const area = side * side;
  const picture = Float32Array.from({ length: 3 * area }, (_, at) => (squeezed[(at % area) * 3 + Math.floor(at / area)] ?? 0) / 127.5 - 1);
  const { alpha } = await sessions.run(path.join(folder, matting.file), matting, { picture: floats(picture, 1, 3, side, side) });
  const levels = Buffer.from(Array.from(numbers(alpha), (value) => Math.round(255 * Math.min(1, Math.max(0, value)))));
  return sharp(levels, { raw: { width: side, height: side, channels: 1 } })
    .resize(widthPx, heightPx, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
}

/** The smallest rectangle around all levels from `from` on. */
export function boundsOfLevels(levels: ArrayLike<number>, widthPx: number, from: number): Rectangle | undefined {
  let [left, top, right, bottom] = [widthPx, Number.POSITIVE_INFINITY, 0, 0];
  for (let pixel = 0; pixel < levels.length; pixel += 1) {
    if ((levels[pixel] ?? 0) < from) continue;
    const x = pixel % widthPx;
    const y = Math.floor(pixel / widthPx);
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + 1);
    bottom = Math.max(bottom, y + 1);
  }
  return right > left && bottom > top ? { left, top, width: right - left, height: bottom - top } : undefined;
}

/** A PNG of the picture's own size, its background see-through. */
export async function withoutBackground(bytes: Uint8Array, manifest: Manifest, sessions: Sessions): Promise<EncodedImage> {
  const { data, info } = await decoded(bytes);
  const { width: widthPx, height: heightPx } = info;
  const matte = await matteOf({ data, widthPx, heightPx }, manifest, sessions);
  if (!matte)
    throw invalidArgument('unsupported_background_removal', 'This family cannot tell a thing from its background.', { param: 'model_id' });
  const png = await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .joinChannel(Buffer.from(matte), { raw: { width: widthPx, height: heightPx, channels: 1 } })
    .png()
    .toBuffer();
  return { widthPx, heightPx, contentType: 'image/png', bytes: new Uint8Array(png) };
}

async function decoded(bytes: Uint8Array) {
  try {
    return await sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch (cause) {
    throw unreadablePicture(cause);
  }
}
