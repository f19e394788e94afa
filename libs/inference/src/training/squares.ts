import { invalidArgument, TesseraError } from '@tessera/platform/errors.js';
import { decodeInitImage } from '../pictures/init-image.js';

/** RGB pixels of a square. */
export type Square = Uint8Array;

/** RGB pixels of a square that the picture fills; what is beyond on its longer sides is cut off. */
export async function readSquare(bytes: Uint8Array, sidePx: number, number: number): Promise<Buffer> {
  try {
    return await decodeInitImage(bytes, (picture) => picture.resize(sidePx, sidePx, { fit: 'cover' }).removeAlpha().raw().toBuffer());
  } catch (cause) {
    if (!(cause instanceof TesseraError)) throw cause;
    throw invalidArgument('unreadable_picture', `Picture ${number} is not a whole PNG, JPEG or WebP of at most 40 megapixels.`, {
      param: 'pictures',
      cause,
    });
  }
}

/** RGB pixels as `[3, side, side]` in -1..1. */
export function planesOf(square: Square): Float32Array {
  const area = square.length / 3;
  return Float32Array.from({ length: 3 * area }, (_, at) => (square[(at % area) * 3 + Math.floor(at / area)] ?? 0) / 127.5 - 1);
}
