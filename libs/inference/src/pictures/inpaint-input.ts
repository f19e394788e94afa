import sharp from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { InitImageInput, Placement } from '../diffusion-engine.js';
import { decodeInitImage, initPixelsMax } from './init-image.js';

/** What JPEG does to black and white around an edge must not count as grey. */
const blackUpTo = 32;
const whiteFrom = 224;
/** Width of the soft edge, in shares of the picture's longer side; it lies within the inpainted part. */
const softEdgeShare = 1 / 48;
/** A mask that was drawn at another size may differ by the rounding of a pixel. */
const proportionTolerance = 0.02;

/** A picture of which a part is kept: inpainting, or outpainting beyond its edges. */
export type InpaintInput = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** RGB. */
  readonly known: Uint8Array;
  /** 0 stays, 255 is inpainted. */
  readonly mask: Uint8Array;
};

/** Lays the init image out as the delivered picture; undefined when all of it may change. */
export async function readInpaintInput(
  { bytes, mask, placement }: InitImageInput,
  widthPx: number,
  heightPx: number,
): Promise<InpaintInput | undefined> {
  if (!mask && !placement) return undefined;
  const place = placement ?? { leftPx: 0, topPx: 0, widthPx, heightPx };
  const { pixels, aspect } = await decodeInitImage(bytes, async (picture) => {
    const { width, height, autoOrient } = await picture.metadata();
    const { data } = await picture
      .resize(place.widthPx, place.heightPx, { fit: 'cover' })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { pixels: data, aspect: (autoOrient?.width ?? width) / (autoOrient?.height ?? height) };
  });
  const levels = mask ? await readMask(mask, place, aspect) : new Uint8Array(place.widthPx * place.heightPx);
  const inpaint = {
    widthPx,
    heightPx,
    known: await extended(pixels, place, widthPx, heightPx),
    mask: new Uint8Array(widthPx * heightPx).fill(255),
  };
  for (let y = 0; y < place.heightPx; y += 1)
    inpaint.mask.set(levels.subarray(y * place.widthPx, (y + 1) * place.widthPx), (place.topPx + y) * widthPx + place.leftPx);
  if (inpaint.mask.every((level) => level === 0))
    throw invalidArgument('nothing_to_repaint', 'The mask is black everywhere: white says what is to be painted.', { param: 'mask' });
  return inpaint;
}

/** Edge pixels go on where the picture ends: generation starts from them when the strength is above 0. */
async function extended(
  pixels: Buffer,
  { leftPx: left, topPx: top, widthPx, heightPx }: Placement,
  deliveredWidthPx: number,
  deliveredHeightPx: number,
): Promise<Uint8Array> {
  if (widthPx === deliveredWidthPx && heightPx === deliveredHeightPx) return pixels;
  const edges = { left, top, right: deliveredWidthPx - widthPx - left, bottom: deliveredHeightPx - heightPx - top };
  return sharp(pixels, { raw: { width: widthPx, height: heightPx, channels: 3 } })
    .extend({ ...edges, extendWith: 'copy' })
    .raw()
    .toBuffer();
}

async function readMask(bytes: Uint8Array, { widthPx, heightPx }: Placement, aspect: number): Promise<Uint8Array> {
  const read = async () => {
    const picture = sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' })
      .autoOrient()
      .flatten({ background: '#000000' })
      .toColourspace('b-w');
    const { width, height, autoOrient } = await picture.metadata();
    const { data } = await picture
      .resize(widthPx, heightPx, { fit: 'cover', kernel: 'linear' })
      .extractChannel(0)
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, maskAspect: (autoOrient?.width ?? width) / (autoOrient?.height ?? height) };
  };
  const { data, maskAspect } = await read().catch((cause: unknown) => {
    throw invalidArgument('unreadable_mask', 'The mask could not be read: send a whole PNG, JPEG or WebP of at most 40 megapixels.', {
      param: 'mask',
      cause,
    });
  });
  if (Math.abs(maskAspect / aspect - 1) > proportionTolerance)
    throw invalidArgument('mask_proportions', 'The mask must have the proportions of the init image, if not its size.', { param: 'mask' });
  return data.map((level) => Math.round((255 * Math.min(Math.max(level - blackUpTo, 0), whiteFrom - blackUpTo)) / (whiteFrom - blackUpTo)));
}

/** Lays what was generated over what was there, RGB in place; where the mask is black, nothing changes. */
export function keepKnown(generated: Uint8Array, inpaint: InpaintInput): void {
  const { known, mask, widthPx, heightPx } = inpaint;
  const softPx = Math.max(2, softEdgeShare * Math.max(widthPx, heightPx));
  const distances = distancesFromKept(inpaint);
  for (let pixel = 0; pixel < mask.length; pixel += 1) {
    const share = ((mask[pixel] ?? 0) / 255) * Math.min(1, (distances[pixel] ?? 0) / softPx);
    if (share === 1) continue;
    for (let at = 3 * pixel; at < 3 * pixel + 3; at += 1)
      generated[at] = Math.round((known[at] ?? 0) + share * ((generated[at] ?? 0) - (known[at] ?? 0)));
  }
}

/** How far each pixel lies from the next one that stays, by two chamfer passes (Borgefors 1986): straight and diagonal steps. */
function distancesFromKept({ mask, widthPx, heightPx }: InpaintInput): Float32Array {
  const distances = Float32Array.from(mask, (level) => (level === 0 ? 0 : Number.MAX_SAFE_INTEGER));
  const sweep = (order: 1 | -1) => {
    const neighbours = [
      [-1, 0, 1],
      [0, -1, 1],
      [-1, -1, Math.SQRT2],
      [1, -1, Math.SQRT2],
    ] as const;
    for (let row = 0; row < heightPx; row += 1) {
      const y = order === 1 ? row : heightPx - 1 - row;
      for (let column = 0; column < widthPx; column += 1) {
        const x = order === 1 ? column : widthPx - 1 - column;
        let nearest = distances[y * widthPx + x] ?? 0;
        for (const [dx, dy, step] of neighbours) {
          const besideX = x + order * dx;
          const besideY = y + order * dy;
          if (besideX < 0 || besideX >= widthPx || besideY < 0 || besideY >= heightPx) continue;
          nearest = Math.min(nearest, (distances[besideY * widthPx + besideX] ?? 0) + step);
        }
        distances[y * widthPx + x] = nearest;
      }
    }
  };
  sweep(1);
  sweep(-1);
  return distances;
}
