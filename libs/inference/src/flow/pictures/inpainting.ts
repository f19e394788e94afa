import { squarePlanes } from './native-square.js';
import type { InpaintInput } from '../../pictures/inpaint-input.js';
import { type Rectangle, type Window } from '../layout/layout.js';

/** A cell of the latent is generated when at least this share of it is white; the excess is put back in pixels. */
const inpaintedCellShare = 1 / 16;
/** A square counts as free when this share of it is white: room for a thing in a mask that was drawn by hand. */
const freeSquareShare = 0.9;
/** Native pixels; things would lose their features in less. */
const roomPxMin = 32;
/** Squares and their places are tried at every so many native pixels. */
const roomStepPx = 2;
/** A mask this near to all edges of the picture goes around what stays. */
const edgePx = 4;

/** What stays of a picture while the rest is generated, in the latent's own cells. */
export class KnownRegion {
  private constructor(
    /** Row-major, one value for each native pixel: true is generated. */
    private readonly isInpainted: readonly boolean[],
    private readonly nativePx: number,
    private readonly window: Window,
    /** One for each cell: true is generated. */
    private readonly inpaintedCells: readonly boolean[],
    /** `[3, side, side]` in -1..1: for the encoder. */
    readonly picture: Float32Array,
  ) {}

  static async of(inpaint: InpaintInput, nativePx: number, cellsPerSide: number, window: Window): Promise<KnownRegion> {
    const { widthPx, heightPx, known, mask } = inpaint;
    const picture = await squarePlanes({ data: known, widthPx, heightPx, channels: 3 }, nativePx, window);
    const levels = await squarePlanes({ data: mask, widthPx, heightPx, channels: 1 }, nativePx, window);
    const isInpainted = Array.from({ length: nativePx * nativePx }, (_, pixel) => (levels[pixel] ?? 0) > 0);
    const cellPx = nativePx / cellsPerSide;
    const inpaintedCells = Array.from({ length: cellsPerSide * cellsPerSide }, (_, cell) => {
      let white = 0;
      const left = (cell % cellsPerSide) * cellPx;
      const top = Math.floor(cell / cellsPerSide) * cellPx;
      for (let y = top; y < top + cellPx; y += 1)
        for (let x = left; x < left + cellPx; x += 1) white += isInpainted[y * nativePx + x] ? 1 : 0;
      return white >= inpaintedCellShare * cellPx * cellPx;
    });
    return new KnownRegion(isInpainted, nativePx, window, inpaintedCells, picture);
  }

  /** Puts what stays back into the latent, as noisy as the rest is at `time` (Lugmayr et al. 2022, https://arxiv.org/abs/2201.09865, on a straight path). */
  restore(latent: Float32Array, known: Float32Array, noise: Float32Array, time: number): void {
    const cells = this.inpaintedCells.length;
    for (let k = 0; k < latent.length; k += 1)
      if (!this.inpaintedCells[k % cells]) latent[k] = time * (noise[k] ?? 0) + (1 - time) * (known[k] ?? 0);
  }

  /** 1 where a latent of that length is generated. */
  inpainted(length: number): Float32Array {
    return Float32Array.from({ length }, (_, k) => Number(this.inpaintedCells[k % this.inpaintedCells.length]));
  }

  /**
   * Where the prompt's things go: the largest free square. Where only a frame is free, they are taken to be in the picture that it goes around. `isSmall`: less
   * than half of the picture is generated, so that the thing that was asked for is what the place is for, and fills it.
   */
  room(): { readonly rectangle: Rectangle; readonly isSmall: boolean } {
    const { left, top, width, height } = this.window;
    const inWindow = (_: boolean, pixel: number) => {
      const x = pixel % this.nativePx;
      const y = Math.floor(pixel / this.nativePx);
      return x >= left && x < left + width && y >= top && y < top + height;
    };
    const free = this.isInpainted.map((inpainted, pixel) => inpainted && inWindow(inpainted, pixel));
    const kept = this.isInpainted.map((inpainted, pixel) => !inpainted && inWindow(inpainted, pixel));
    const freeShare = free.filter(Boolean).length / (width * height);
    const isSmall = freeShare < 0.5;
    const square = largestSquare(free, this.nativePx, Math.min(width, height));
    if (square && square.width >= roomPxMin) return { rectangle: square, isSmall };
    const around = boundsOf(free, this.nativePx);
    const isFrame =
      around.left <= left + edgePx &&
      around.top <= top + edgePx &&
      around.left + around.width >= left + width - edgePx &&
      around.top + around.height >= top + height - edgePx;
    return isFrame ? { rectangle: boundsOf(kept, this.nativePx), isSmall: false } : { rectangle: around, isSmall };
  }
}

/** Of the largest squares that are free enough, the freest; of several, the one nearest to the middle of what is free. */
function largestSquare(free: readonly boolean[], nativePx: number, maxSidePx: number): Rectangle | undefined {
  const stride = nativePx + 1;
  const sums = new Int32Array(stride * stride);
  for (let y = 0; y < nativePx; y += 1) {
    let row = 0;
    for (let x = 0; x < nativePx; x += 1) {
      row += free[y * nativePx + x] ? 1 : 0;
      sums[(y + 1) * stride + x + 1] = (sums[y * stride + x + 1] ?? 0) + row;
    }
  }
  const sumOf = (left: number, top: number, side: number) =>
    (sums[(top + side) * stride + left + side] ?? 0) -
    (sums[top * stride + left + side] ?? 0) -
    (sums[(top + side) * stride + left] ?? 0) +
    (sums[top * stride + left] ?? 0);
  const middle = middleOf(free, nativePx);
  for (let side = Math.floor(maxSidePx); side >= roomStepPx; side -= roomStepPx) {
    let best: { left: number; top: number; sum: number; distance: number } | undefined;
    for (let top = 0; top + side <= nativePx; top += roomStepPx) {
      for (let left = 0; left + side <= nativePx; left += roomStepPx) {
        const sum = sumOf(left, top, side);
        const distance = Math.hypot(left + side / 2 - middle.x, top + side / 2 - middle.y);
        const isBetter = !best || sum > best.sum || (sum === best.sum && distance < best.distance);
        if (sum >= freeSquareShare * side * side && isBetter) best = { left, top, sum, distance };
      }
    }
    if (best) return { left: best.left, top: best.top, width: side, height: side };
  }
  return undefined;
}

function middleOf(pixels: readonly boolean[], nativePx: number): { readonly x: number; readonly y: number } {
  let [x, y, count] = [0, 0, 0];
  pixels.forEach((isSet, pixel) => {
    if (!isSet) return;
    x += pixel % nativePx;
    y += Math.floor(pixel / nativePx);
    count += 1;
  });
  return { x: x / Math.max(1, count), y: y / Math.max(1, count) };
}

function boundsOf(pixels: readonly boolean[], nativePx: number): Rectangle {
  let [left, top, right, bottom] = [nativePx, nativePx, 0, 0];
  pixels.forEach((isSet, pixel) => {
    if (!isSet) return;
    const x = pixel % nativePx;
    const y = Math.floor(pixel / nativePx);
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x + 1);
    bottom = Math.max(bottom, y + 1);
  });
  return { left, top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}
