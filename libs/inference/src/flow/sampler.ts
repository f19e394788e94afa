import type { Manifest, Sampler, Variant } from '@tessera/models/manifest.js';

/** The times at which `steps` steps begin, and the 0 at which the last one ends. */
export function stepTimes(steps: number, { shift }: Sampler): readonly number[] {
  return Array.from({ length: steps + 1 }, (_, k) => {
    const time = 1 - k / steps;
    return (shift * time) / (1 + (shift - 1) * time);
  });
}

/** The first step that is still to be done when this share of the way from noise is behind. */
export function stepAfter(times: readonly number[], share: number): number {
  const rest = times.map((time) => Math.abs(time - (1 - share)));
  return rest.indexOf(Math.min(...rest));
}

type Step = { readonly velocity: Float32Array; readonly length: number };

/**
 * One step of the rectified flow (Liu et al. 2022, https://arxiv.org/abs/2209.03003), in place: Euler's, or Adams' and Bashforth's second, which extrapolates with the
 * velocity before and needs half the steps at the same cost.
 */
export function advance(latent: Float32Array, { velocity, length }: Step, before: Step | undefined): void {
  const lean = before ? (0.5 * length) / before.length : 0;
  for (let k = 0; k < latent.length; k += 1) {
    const v = velocity[k] ?? 0;
    const past = before?.velocity[k] ?? v;
    latent[k] = (latent[k] ?? 0) - length * (v + lean * (v - past));
  }
}

export function samplerFor({ samplers }: Manifest, { distilled }: Variant, steps: number): Sampler {
  return distilled?.sampler ?? samplers.findLast(({ fromSteps }) => fromSteps <= steps) ?? { shift: 1, order: 1 };
}

/** The scale the denoiser understands; ends are held. */
export function modelGuidance({ guidance: { points } }: Manifest, requestScale: number): number {
  const above = points.findIndex(([from]) => from >= requestScale);
  const high = points[above === -1 ? points.length - 1 : above] ?? [1, 1];
  const low = points[above - 1];
  if (above <= 0 || !low) return high[1];
  return low[1] + ((requestScale - low[0]) / (high[0] - low[0])) * (high[1] - low[1]);
}
