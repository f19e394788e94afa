/** A picture in the latent, `[channels, side, side]`, and how strongly it guides, 0 to 1. */
export type LatentGuide = { readonly latent: Float32Array; readonly strength: number };

/** How often a step's share would fit into the whole: what is done at every step must not add up to much more than was asked for. */
const stepsToFull = 3;

/** Of one step out of many. */
const shareOfStep = (strength: number, steps: number): number => 1 - (1 - strength) ** Math.min(1, stepsToFull / steps);

/** Until when, in the flow's time from 1 (noise) to 0, and how coarsely; from the manifest. */
export type LatentGuidanceSettings = { readonly contentUntil: number; readonly contentCells: number; readonly styleUntil: number };

/**
 * Draws the coarse part of a latent towards another picture's, as noisy as it is at `time` (Choi et al. 2021, https://arxiv.org/abs/2108.02938, on a straight path): the
 * arrangement comes from the picture, details from the words. In place.
 */
export function guideContent(
  latent: Float32Array,
  { latent: wanted, strength }: LatentGuide,
  noise: Float32Array,
  time: number,
  steps: number,
  side: number,
  cells: number,
): void {
  const difference = latent.map((value, k) => time * (noise[k] ?? 0) + (1 - time) * (wanted[k] ?? 0) - value);
  const coarse = blurred(difference, side, cells);
  const share = shareOfStep(strength, steps);
  for (let k = 0; k < latent.length; k += 1) latent[k] = (latent[k] ?? 0) + share * (coarse[k] ?? 0);
}

/** Means over blocks of `cells` x `cells`, linear in between. */
function blurred(planes: Float32Array, side: number, cells: number): Float32Array {
  const few = side / cells;
  const channels = planes.length / (side * side);
  const means = new Float32Array(channels * few * few);
  planes.forEach((value, at) => {
    const channel = Math.floor(at / (side * side));
    const block = (channel * few + Math.floor((Math.floor(at / side) % side) / cells)) * few + Math.floor((at % side) / cells);
    means[block] = (means[block] ?? 0) + value / (cells * cells);
  });
  const place = (cell: number) => {
    const at = Math.min(few - 1, Math.max(0, (cell + 0.5) / cells - 0.5));
    return { from: Math.floor(at), to: Math.min(few - 1, Math.floor(at) + 1), share: at - Math.floor(at) };
  };
  return planes.map((_, at) => {
    const first = Math.floor(at / (side * side)) * few * few;
    const [x, y] = [place(at % side), place(Math.floor(at / side) % side)];
    const along = (row: number) =>
      (means[first + row * few + x.from] ?? 0) * (1 - x.share) + (means[first + row * few + x.to] ?? 0) * x.share;
    return along(y.from) * (1 - y.share) + along(y.to) * y.share;
  });
}

/**
 * Gives each channel of the picture that a latent leads to another picture's mean and spread (Huang and Belongie 2017, https://arxiv.org/abs/1703.06868): colours and
 * contrast, not the arrangement. In place.
 */
export function guideStyle(
  latent: Float32Array,
  estimate: Float32Array,
  { latent: wanted, strength }: LatentGuide,
  time: number,
  steps: number,
  area: number,
): void {
  const share = shareOfStep(strength, steps);
  for (let from = 0; from < latent.length; from += area) {
    const now = spreadOf(estimate.subarray(from, from + area));
    const then = spreadOf(wanted.subarray(from, from + area));
    for (let k = from; k < from + area; k += 1) {
      const value = estimate[k] ?? 0;
      const styled = ((value - now.mean) / now.deviation) * then.deviation + then.mean;
      latent[k] = (latent[k] ?? 0) + share * (1 - time) * (styled - value);
    }
  }
}

function spreadOf(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.max(1e-3, Math.sqrt(variance)) };
}
