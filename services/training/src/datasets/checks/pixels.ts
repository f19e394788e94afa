import type { Colours } from './measured.js';

/** Interleaved bytes, `channels` of them for each pixel, row by row. */
export type Pixels = { readonly data: Uint8Array; readonly widthPx: number; readonly heightPx: number };

const at = (data: Uint8Array, index: number): number => data[index] ?? 0;

/** ITU-R BT.601, of RGB. */
export function lightnessOf({ data, widthPx, heightPx }: Pixels): Pixels {
  const grey = new Uint8Array(widthPx * heightPx);
  for (let pixel = 0; pixel < grey.length; pixel++)
    grey[pixel] = Math.round(0.299 * at(data, pixel * 3) + 0.587 * at(data, pixel * 3 + 1) + 0.114 * at(data, pixel * 3 + 2));
  return { data: grey, widthPx, heightPx };
}

/** Of RGB. The axes are the opponent colours of Hasler and Süsstrunk (2003). */
export function coloursOf({ data, widthPx, heightPx }: Pixels): Colours {
  const count = widthPx * heightPx;
  const sums = { lightness: 0, squares: 0, redGreen: 0, yellowBlue: 0, chroma: 0 };
  for (let pixel = 0; pixel < count; pixel++) {
    const [red, green, blue] = [at(data, pixel * 3) / 255, at(data, pixel * 3 + 1) / 255, at(data, pixel * 3 + 2) / 255];
    const lightness = 0.299 * red + 0.587 * green + 0.114 * blue;
    const redGreen = red - green;
    const yellowBlue = (red + green) / 2 - blue;
    sums.lightness += lightness;
    sums.squares += lightness * lightness;
    sums.redGreen += redGreen;
    sums.yellowBlue += yellowBlue;
    sums.chroma += Math.hypot(redGreen, yellowBlue);
  }
  const lightness = sums.lightness / count;
  return {
    lightness,
    contrast: Math.sqrt(Math.max(0, sums.squares / count - lightness * lightness)),
    redGreen: sums.redGreen / count,
    yellowBlue: sums.yellowBlue / count,
    chroma: sums.chroma / count,
  };
}

/** Variance of the 4-neighbour Laplacian (Pech-Pacheco et al., 2000) of one channel: the smaller, the less fine detail. */
export function laplacianVariance({ data, widthPx, heightPx }: Pixels): number {
  let sum = 0;
  let squares = 0;
  const count = Math.max(0, widthPx - 2) * Math.max(0, heightPx - 2);
  if (count === 0) return 0;
  for (let y = 1; y < heightPx - 1; y++) {
    for (let x = 1; x < widthPx - 1; x++) {
      const centre = y * widthPx + x;
      const value =
        at(data, centre - widthPx) + at(data, centre + widthPx) + at(data, centre - 1) + at(data, centre + 1) - 4 * at(data, centre);
      sum += value;
      squares += value * value;
    }
  }
  const mean = sum / count;
  return squares / count - mean * mean;
}

/** Columns and rows of the grey copy that a difference hash is made of. */
export const hashGrid = { widthPx: 9, heightPx: 8 } as const;

/** A bit for each of 64 places: whether it gets darker to the right. Bright and dark copies of a picture have the same one. */
export function differenceHash({ data }: Pixels): string {
  let bits = '';
  for (let row = 0; row < hashGrid.heightPx; row++)
    for (let column = 0; column < hashGrid.widthPx - 1; column++) {
      const place = row * hashGrid.widthPx + column;
      bits += at(data, place) > at(data, place + 1) ? '1' : '0';
    }
  return BigInt(`0b${bits}`).toString(16).padStart(16, '0');
}
