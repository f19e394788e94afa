/** The thresholds that ControlNets for edges were trained with, of gradients of 8-bit grey (sums of both directions). */
const weakFrom = 100;
const strongFrom = 200;
/** tan(22.5°): where a gradient counts as across, down or diagonal. */
const diagonalFrom = Math.tan(Math.PI / 8);

type Picture = { readonly widthPx: number; readonly heightPx: number; readonly data: Uint8Array };

/**
 * Canny's edges (1986) of an RGB picture, `[height, width]`, 255 on an edge and 0 elsewhere: Sobel gradients, thinned to the ridge, and weak ones only where they
 * go on from strong ones. Not blurred first: as the maps that ControlNets were trained with.
 */
export function cannyEdges({ widthPx, heightPx, data }: Picture): Uint8Array {
  const { across, down } = gradientsOf({ widthPx, heightPx, data });
  const magnitudes = across.map((value, at) => Math.abs(value) + Math.abs(down[at] ?? 0));
  const magnitudeAt = (x: number, y: number) => (x < 0 || y < 0 || x >= widthPx || y >= heightPx ? 0 : (magnitudes[y * widthPx + x] ?? 0));
  const ridges = new Uint8Array(widthPx * heightPx);
  const strong: number[] = [];
  for (let y = 0; y < heightPx; y += 1) {
    for (let x = 0; x < widthPx; x += 1) {
      const at = y * widthPx + x;
      const magnitude = magnitudes[at] ?? 0;
      if (magnitude <= weakFrom) continue;
      const [dx, dy] = directionOf(across[at] ?? 0, down[at] ?? 0);
      // On a plateau of two equal pixels the first one is the ridge.
      if (magnitude <= magnitudeAt(x - dx, y - dy) || magnitude < magnitudeAt(x + dx, y + dy)) continue;
      ridges[at] = 1;
      if (magnitude > strongFrom) strong.push(at);
    }
  }
  return connected(ridges, strong, widthPx, heightPx);
}

/** The neighbour that the gradient points to, of the four directions. */
function directionOf(across: number, down: number): readonly [number, number] {
  const [wide, high] = [Math.abs(across), Math.abs(down)];
  if (high <= diagonalFrom * wide) return [1, 0];
  if (wide <= diagonalFrom * high) return [0, 1];
  return across * down > 0 ? [1, 1] : [-1, 1];
}

/** By Sobel (https://en.wikipedia.org/wiki/Sobel_operator); beyond the border the outermost pixels go on. */
function gradientsOf({ widthPx, heightPx, data }: Picture): { across: Int32Array; down: Int32Array } {
  const luma = Uint8Array.from({ length: widthPx * heightPx }, (_, at) =>
    Math.round(0.299 * (data[3 * at] ?? 0) + 0.587 * (data[3 * at + 1] ?? 0) + 0.114 * (data[3 * at + 2] ?? 0)),
  );
  const across = new Int32Array(luma.length);
  const down = new Int32Array(luma.length);
  for (let y = 0; y < heightPx; y += 1) {
    const [above, row, below] = [Math.max(0, y - 1), y, Math.min(heightPx - 1, y + 1)].map((line) => line * widthPx) as [
      number,
      number,
      number,
    ];
    for (let x = 0; x < widthPx; x += 1) {
      const [left, right] = [Math.max(0, x - 1), Math.min(widthPx - 1, x + 1)];
      const of = (line: number, column: number) => luma[line + column] ?? 0;
      const [upLeft, upRight, downLeft, downRight] = [of(above, left), of(above, right), of(below, left), of(below, right)];
      across[row + x] = upRight - upLeft + 2 * (of(row, right) - of(row, left)) + downRight - downLeft;
      down[row + x] = downLeft - upLeft + 2 * (of(below, x) - of(above, x)) + downRight - upRight;
    }
  }
  return { across, down };
}

/** From the strong pixels on, along whatever ridge they touch. */
function connected(ridges: Uint8Array, strong: readonly number[], widthPx: number, heightPx: number): Uint8Array {
  const edges = new Uint8Array(ridges.length);
  const waiting = [...strong];
  for (const at of waiting) edges[at] = 255;
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [x, y] = [at % widthPx, Math.floor(at / widthPx)];
    for (let besideY = Math.max(0, y - 1); besideY <= Math.min(heightPx - 1, y + 1); besideY += 1) {
      for (let besideX = Math.max(0, x - 1); besideX <= Math.min(widthPx - 1, x + 1); besideX += 1) {
        const beside = besideY * widthPx + besideX;
        if (ridges[beside] !== 1 || edges[beside] === 255) continue;
        edges[beside] = 255;
        waiting.push(beside);
      }
    }
  }
  return edges;
}
