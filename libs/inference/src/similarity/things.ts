import sharp from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import { initPixelsMax } from '../pictures/init-image.js';

/** Pixels of one thing and nothing else: red, green, blue and alpha in 0..1, colours as they are where alpha is above 0. */
export type Thing = { readonly widthPx: number; readonly heightPx: number; readonly rgba: Float32Array };

/** Says how much each pixel of an opaque picture belongs to what it shows, 0 to 255. */
export type Matting = (rgb: Uint8Array, widthPx: number, heightPx: number) => Promise<Uint8Array>;

/** Finer detail is not compared. */
const sidePx = 256;
/** A picture counts as cut out when at least this share of it is see-through. */
const cutOutShare = 0.02;
const clearBelow = 24;
const opaqueFrom = 128;
/** Smaller than this share of the picture, or of the largest thing, is no thing: specks of the matte. */
const thingShareMin = 0.004;
const besideLargestMin = 0.2;
const thingsMax = 3;

/** All that a picture shows as one thing, which is what a reference is; undefined for one that shows nothing. */
export async function wholeOf(bytes: Uint8Array, matting: Matting): Promise<Thing | undefined> {
  const { data, widthPx, pieces } = await opened(bytes, matting);
  return pieces.length === 0 ? undefined : cropped(data, pieces.flat(), widthPx);
}

/** What in a picture could be the character: each thing, the largest first, and all together, for a thing may be in pieces. */
export async function thingsOf(bytes: Uint8Array, matting: Matting): Promise<Thing[]> {
  const { data, widthPx, pieces } = await opened(bytes, matting);
  const candidates = pieces.length > 1 ? [...pieces.slice(0, thingsMax), pieces.flat()] : pieces;
  return candidates.map((pixels) => cropped(data, pixels, widthPx));
}

/** The picture cut out, and the numbers of the pixels of each thing in it. */
async function opened(bytes: Uint8Array, matting: Matting): Promise<{ data: Buffer; widthPx: number; pieces: number[][] }> {
  const { data, widthPx, heightPx } = await decoded(bytes);
  if (!isCutOut(data)) {
    const rgb = Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, at) => data[Math.floor(at / 3) * 4 + (at % 3)] ?? 0);
    const matte = await matting(rgb, widthPx, heightPx);
    matte.forEach((level, pixel) => (data[pixel * 4 + 3] = level));
  }
  const all = piecesOf(data, widthPx, heightPx);
  const least = Math.max(thingShareMin * widthPx * heightPx, besideLargestMin * (all[0]?.length ?? 0));
  return { data, widthPx, pieces: all.filter(({ length }) => length >= least) };
}

async function decoded(bytes: Uint8Array): Promise<{ data: Buffer; widthPx: number; heightPx: number }> {
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .resize(sidePx, sidePx, { fit: 'inside' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { data, widthPx: info.width, heightPx: info.height };
  } catch (cause) {
    throw invalidArgument('unreadable_picture', 'The picture could not be read: send a whole PNG, JPEG or WebP of at most 40 megapixels.', {
      param: 'picture',
      cause,
    });
  }
}

function isCutOut(rgba: Uint8Array): boolean {
  let clear = 0;
  for (let at = 3; at < rgba.length; at += 4) clear += (rgba[at] ?? 0) < clearBelow ? 1 : 0;
  return clear >= cutOutShare * (rgba.length / 4);
}

/** Opaque pixels that touch each other, as lists of their numbers, the longest first. */
function piecesOf(rgba: Uint8Array, widthPx: number, heightPx: number): number[][] {
  const seen = new Uint8Array(widthPx * heightPx);
  const isOpaque = (pixel: number) => (rgba[pixel * 4 + 3] ?? 0) >= opaqueFrom;
  const pieces: number[][] = [];
  for (let start = 0; start < seen.length; start += 1) {
    if (seen[start] || !isOpaque(start)) continue;
    seen[start] = 1;
    const piece = [start];
    for (let next = 0; next < piece.length; next += 1) {
      const pixel = piece[next] ?? 0;
      const x = pixel % widthPx;
      const beside = [x > 0 ? pixel - 1 : -1, x < widthPx - 1 ? pixel + 1 : -1, pixel - widthPx, pixel + widthPx];
      for (const other of beside) {
        if (other < 0 || other >= seen.length || seen[other] || !isOpaque(other)) continue;
        seen[other] = 1;
        piece.push(other);
      }
    }
    pieces.push(piece);
  }
  return pieces.toSorted((a, b) => b.length - a.length);
}

function cropped(rgba: Uint8Array, piece: readonly number[], pictureWidthPx: number): Thing {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (const pixel of piece) {
    const x = pixel % pictureWidthPx;
    const y = Math.floor(pixel / pictureWidthPx);
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  const [widthPx, heightPx] = [right - left, bottom - top];
  const result = new Float32Array(4 * widthPx * heightPx);
  for (const pixel of piece) {
    const at = 4 * ((Math.floor(pixel / pictureWidthPx) - top) * widthPx + (pixel % pictureWidthPx) - left);
    for (let channel = 0; channel < 3; channel += 1) result[at + channel] = (rgba[pixel * 4 + channel] ?? 0) / 255;
    result[at + 3] = 1;
  }
  return { widthPx, heightPx, rgba: result };
}
