/**
 * Pictures wider than a square are generated in overlapping squares, whose velocities are blended at every step (MultiDiffusion, Bar-Tal et al. 2023,
 * https://arxiv.org/abs/2302.08113). A latent is `[channels, side, width]` in cells.
 */
export type Extent = { readonly sideCells: number; readonly widthCells: number };

/** Where the squares begin, in cells from the left: as few as overlap by so many, evenly spread. */
export function tileOffsets({ sideCells, widthCells }: Extent, overlapCells: number): number[] {
  const count = Math.ceil((widthCells - sideCells) / (sideCells - overlapCells)) + 1;
  return Array.from({ length: count }, (_, k) => (count === 1 ? 0 : Math.round((k * (widthCells - sideCells)) / (count - 1))));
}

/** The square of a latent that begins at `left`. */
export function tileOf(latent: Float32Array, { sideCells, widthCells }: Extent, left: number): Float32Array {
  if (widthCells === sideCells) return latent;
  const rows = latent.length / widthCells;
  const tile = new Float32Array(rows * sideCells);
  for (let row = 0; row < rows; row += 1)
    tile.set(latent.subarray(row * widthCells + left, row * widthCells + left + sideCells), row * sideCells);
  return tile;
}

/** Weight of a column: largest in the middle of its square, so that no seam shows. */
const weightOf = (column: number, sideCells: number): number => Math.min(column + 1, sideCells - column) ** 2;

/** Weighted means of the squares' values, in double precision. */
export function blended(
  tiles: readonly { readonly left: number; readonly values: Float64Array }[],
  { sideCells, widthCells }: Extent,
): Float64Array {
  const [first] = tiles;
  if (first && tiles.length === 1) return first.values;
  const rows = (first?.values.length ?? 0) / sideCells;
  const sum = new Float64Array(rows * widthCells);
  const weights = new Float64Array(widthCells);
  for (const { left, values } of tiles) {
    for (let column = 0; column < sideCells; column += 1) {
      const weight = weightOf(column, sideCells);
      weights[left + column] = (weights[left + column] ?? 0) + weight;
      for (let row = 0; row < rows; row += 1)
        sum[row * widthCells + left + column] =
          (sum[row * widthCells + left + column] ?? 0) + weight * (values[row * sideCells + column] ?? 0);
    }
  }
  return sum.map((value, k) => value / (weights[k % widthCells] ?? 1));
}
