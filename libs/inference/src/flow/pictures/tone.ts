import type { InpaintInput } from '../../pictures/inpaint-input.js';

/** Cells along the longer side: tones differ slowly. */
const gridCells = 64;
/** A larger difference is not one of tone: the model has generated something else there. */
const toneDifferenceMax = 28;
/** Enough for a membrane over the whole grid to settle where it shows: near its edge. */
const relaxationRounds = 160;
/** Successive over-relaxation; from 1 (Gauss and Seidel) to 2. */
const overRelaxation = 1.7;

/**
 * Decoding and enlarging shift tones a little, which shows as an outline around what was inpainted. How much they do is known where the picture stays; a membrane
 * over the rest (Perez et al. 2003, Poisson image editing) carries it there. RGB, in place.
 */
export function matchTone(generated: Uint8Array, inpaint: InpaintInput): void {
  const { widthPx, heightPx, mask } = inpaint;
  const cellPx = Math.max(1, Math.max(widthPx, heightPx) / gridCells);
  const columns = Math.ceil(widthPx / cellPx);
  const rows = Math.ceil(heightPx / cellPx);
  for (let channel = 0; channel < 3; channel += 1) {
    const { shift, isKnown } = knownShifts(generated, inpaint, channel, cellPx, columns, rows);
    if (!isKnown.includes(true)) return;
    relax(shift, isKnown, columns, rows);
    for (let pixel = 0; pixel < mask.length; pixel += 1) {
      if (mask[pixel] === 0) continue;
      const at = 3 * pixel + channel;
      const change = between(
        shift,
        columns,
        rows,
        ((pixel % widthPx) + 0.5) / cellPx - 0.5,
        (Math.floor(pixel / widthPx) + 0.5) / cellPx - 0.5,
      );
      generated[at] = Math.min(255, Math.max(0, Math.round((generated[at] ?? 0) + change)));
    }
  }
}

/** By how much the mean of each cell that stays is off. */
function knownShifts(
  generated: Uint8Array,
  { widthPx, mask, known }: InpaintInput,
  channel: number,
  cellPx: number,
  columns: number,
  rows: number,
): { shift: Float32Array; isKnown: boolean[] } {
  const sums = new Float64Array(columns * rows);
  const counts = new Uint32Array(columns * rows);
  const isKept = Array.from({ length: columns * rows }, () => true);
  for (let pixel = 0; pixel < mask.length; pixel += 1) {
    const cell = Math.floor(Math.floor(pixel / widthPx) / cellPx) * columns + Math.floor((pixel % widthPx) / cellPx);
    if (mask[pixel] !== 0) isKept[cell] = false;
    sums[cell] = (sums[cell] ?? 0) + (known[3 * pixel + channel] ?? 0) - (generated[3 * pixel + channel] ?? 0);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  const shift = Float32Array.from(sums, (sum, cell) => sum / Math.max(1, counts[cell] ?? 0));
  const isKnown = isKept.map((kept, cell) => kept && Math.abs(shift[cell] ?? 0) <= toneDifferenceMax);
  return { shift: shift.map((value, cell) => (isKnown[cell] ? value : 0)), isKnown };
}

/** Each unknown cell becomes the mean of its neighbours, again and again. */
function relax(shift: Float32Array, isKnown: readonly boolean[], columns: number, rows: number): void {
  for (let round = 0; round < relaxationRounds; round += 1) {
    for (let cell = 0; cell < shift.length; cell += 1) {
      if (isKnown[cell]) continue;
      const x = cell % columns;
      const y = Math.floor(cell / columns);
      const here = shift[cell] ?? 0;
      const left = x > 0 ? (shift[cell - 1] ?? 0) : here;
      const right = x < columns - 1 ? (shift[cell + 1] ?? 0) : here;
      const above = y > 0 ? (shift[cell - columns] ?? 0) : here;
      const below = y < rows - 1 ? (shift[cell + columns] ?? 0) : here;
      shift[cell] = here + overRelaxation * ((left + right + above + below) / 4 - here);
    }
  }
}

function between(values: Float32Array, columns: number, rows: number, x: number, y: number): number {
  const [left, top] = [Math.min(columns - 1, Math.max(0, Math.floor(x))), Math.min(rows - 1, Math.max(0, Math.floor(y)))];
  const [right, bottom] = [Math.min(columns - 1, left + 1), Math.min(rows - 1, top + 1)];
  const [shareX, shareY] = [Math.min(1, Math.max(0, x - left)), Math.min(1, Math.max(0, y - top))];
  const along = (row: number) => (values[row * columns + left] ?? 0) * (1 - shareX) + (values[row * columns + right] ?? 0) * shareX;
  return along(top) * (1 - shareY) + along(bottom) * shareY;
}
