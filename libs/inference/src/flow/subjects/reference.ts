/** A thing's picture as the conditioning graph takes it. */
export type Reference = {
  /** `[4, side, side]`: red, green and blue premultiplied with alpha, then alpha, in 0..1. */
  readonly planes: Float32Array;
  readonly aspectWidth: number;
  readonly aspectHeight: number;
  readonly floats: boolean;
  readonly canMirror: boolean;
};

/** RGBA pixels of a square, as planes. */
export function referencePlanes(pixels: Uint8Array, sidePx: number): Float32Array {
  const area = sidePx * sidePx;
  const planes = new Float32Array(4 * area);
  for (let pixel = 0; pixel < area; pixel += 1) {
    const alpha = (pixels[pixel * 4 + 3] ?? 0) / 255;
    for (let channel = 0; channel < 3; channel += 1) planes[channel * area + pixel] = ((pixels[pixel * 4 + channel] ?? 0) / 255) * alpha;
    planes[3 * area + pixel] = alpha;
  }
  return planes;
}
