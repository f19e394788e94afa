import { alphaOf, type Frame } from './frames.js';

/** Hu's seven moments of the silhouette, which neither size nor place nor turning changes, on a logarithmic scale; the seventh, whose sign tells mirror images apart, without it. */
export function huMoments(frame: Frame): number[] {
  const alpha = alphaOf(frame);
  const side = frame.sidePx;
  const covered = Array.from(alpha.keys()).filter((pixel) => (alpha[pixel] ?? 0) > 0);
  const area = covered.length;
  if (area === 0) return [0, 0, 0, 0, 0, 0, 0];
  const mean = (of: (pixel: number) => number) => covered.reduce((sum, pixel) => sum + of(pixel), 0) / area;
  const [x0, y0] = [mean((pixel) => pixel % side), mean((pixel) => Math.floor(pixel / side))];
  const moments = new Float64Array(16);
  for (const pixel of covered) {
    const [x, y] = [(pixel % side) - x0, Math.floor(pixel / side) - y0];
    let powersX = 1;
    for (let p = 0; p <= 3; p += 1, powersX *= x) {
      let power = powersX;
      for (let q = 0; q <= 3 - p; q += 1, power *= y) moments[4 * p + q] = (moments[4 * p + q] ?? 0) + power;
    }
  }
  const eta = (p: number, q: number) => (moments[4 * p + q] ?? 0) / area ** (1 + (p + q) / 2);
  const [n20, n02, n11, n30, n03, n21, n12] = [eta(2, 0), eta(0, 2), eta(1, 1), eta(3, 0), eta(0, 3), eta(2, 1), eta(1, 2)];
  const [sumX, sumY] = [n30 + n12, n21 + n03];
  const [twistX, twistY] = [n30 - 3 * n12, 3 * n21 - n03];
  const invariants = [
    n20 + n02,
    (n20 - n02) ** 2 + 4 * n11 ** 2,
    twistX ** 2 + twistY ** 2,
    sumX ** 2 + sumY ** 2,
    twistX * sumX * (sumX ** 2 - 3 * sumY ** 2) + twistY * sumY * (3 * sumX ** 2 - sumY ** 2),
    (n20 - n02) * (sumX ** 2 - sumY ** 2) + 4 * n11 * sumX * sumY,
    Math.abs(twistY * sumX * (sumX ** 2 - 3 * sumY ** 2) - twistX * sumY * (3 * sumX ** 2 - sumY ** 2)),
  ];
  return invariants.map((value) => Math.sign(value) * Math.log10(1 + Math.abs(value) * 1e4));
}

/** 1 for equal moments; higher orders are noise on small silhouettes, and count for less. */
export function huLikeness(a: readonly number[], b: readonly number[]): number {
  const weights = [1, 1, 0.6, 0.6, 0.2, 0.2, 0.2];
  const distance = weights.reduce((sum, weight, at) => sum + weight * Math.abs((a[at] ?? 0) - (b[at] ?? 0)), 0);
  return Math.exp(-distance);
}
