import type { Frame } from './frames.js';

/** Bins of CIELAB; lightness has few, because the light of a scene changes it most. */
const bins = { lightness: 4, a: 12, b: 12 } as const;
const reachAb = 90;

const linear = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const cubeRoot = (value: number): number => (value > 216 / 24389 ? Math.cbrt(value) : (value * 24389) / 27 / 116 + 16 / 116);

/** CIELAB (D65) of an sRGB colour in 0..1. */
export function toLab(red: number, green: number, blue: number): [lightness: number, a: number, b: number] {
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const x = cubeRoot((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = cubeRoot(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = cubeRoot((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** How much of a thing has which colour, between two rows of its frame; sums to 1, or to 0 where there is nothing. */
export function colourHistogram({ planes, sidePx }: Frame, fromRow = 0, toRow = sidePx): Float64Array {
  const histogram = new Float64Array(bins.lightness * bins.a * bins.b);
  const area = sidePx * sidePx;
  let total = 0;
  for (let pixel = fromRow * sidePx; pixel < toRow * sidePx; pixel += 1) {
    if (!planes[3 * area + pixel]) continue;
    const [lightness, a, b] = toLab(planes[pixel] ?? 0, planes[area + pixel] ?? 0, planes[2 * area + pixel] ?? 0);
    spread(histogram, [
      (lightness / 100) * (bins.lightness - 1),
      ((a + reachAb) / (2 * reachAb)) * (bins.a - 1),
      ((b + reachAb) / (2 * reachAb)) * (bins.b - 1),
    ]);
    total += 1;
  }
  return total === 0 ? histogram : histogram.map((value) => value / total);
}

/** Shares a colour among the eight bins around it: a small change of light moves a small part. */
function spread(histogram: Float64Array, at: readonly [number, number, number]): void {
  const sizes = [bins.lightness, bins.a, bins.b] as const;
  const places = at.map((value, axis) => Math.min((sizes[axis] ?? 1) - 1, Math.max(0, value)));
  for (let corner = 0; corner < 8; corner += 1) {
    let [index, weight] = [0, 1];
    for (let axis = 0; axis < 3; axis += 1) {
      const place = places[axis] ?? 0;
      const low = Math.floor(place);
      const isHigh = (corner >> axis) & 1;
      weight *= isHigh ? place - low : 1 - place + low;
      index = index * (sizes[axis] ?? 1) + Math.min((sizes[axis] ?? 1) - 1, low + isHigh);
    }
    histogram[index] = (histogram[index] ?? 0) + weight;
  }
}

/** Swain and Ballard's histogram intersection. */
export const intersection = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, at) => sum + Math.min(value, b[at] ?? 0), 0);
