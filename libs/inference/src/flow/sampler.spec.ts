import { describe, expect, it } from '@jest/globals';
import { bundledModelsDir, isFlow, loadFamilies } from '@tessera/models/families.js';
import type { Sampler } from '@tessera/models/manifest.js';
import { advance, modelGuidance, stepAfter, stepTimes } from './sampler.js';

const sampler = (shift: number): Sampler => ({ shift, order: 1 });

/** Solves dx/dt = x from time 1, where x is 1, to 0, where it is 1/e. */
function solve(steps: number, order: 1 | 2): number {
  const times = stepTimes(steps, sampler(1));
  const latent = Float32Array.of(1);
  let before: { velocity: Float32Array; length: number } | undefined;
  for (let k = 0; k < steps; k += 1) {
    const done = { velocity: Float32Array.from(latent), length: times[k]! - times[k + 1]! };
    advance(latent, done, before);
    before = order === 2 ? done : undefined;
  }
  return latent[0]!;
}

describe('the sampler', () => {
  it('goes evenly from one to nought when it is not shifted', () => {
    expect(stepTimes(4, sampler(1))).toEqual([1, 0.75, 0.5, 0.25, 0]);
  });

  it('spends more steps on the noisy half when it is', () => {
    const times = stepTimes(4, sampler(2.2));
    expect([times[0], times[4]]).toEqual([1, 0]);
    expect(times[2]).toBeGreaterThan(0.6);
  });

  it('of second order comes nearer to the truth than of first', () => {
    const error = (order: 1 | 2) => Math.abs(solve(10, order) - Math.exp(-1));
    expect(error(2)).toBeLessThan(error(1) / 5);
  });

  it.each([
    [0, 0],
    [0.5, 2],
    [1, 4],
  ])('begins at the step that a share of %d has been done by', (share, step) => {
    expect(stepAfter(stepTimes(4, sampler(1)), share)).toBe(step);
  });
});

describe('the guidance scale', () => {
  it.each([
    [0.5, 1],
    [1, 1],
    [4, 1.75],
    [7, 2.5],
    [13.5, 3.75],
    [20, 5],
    [50, 5],
  ])('of %d in a request is %d for the denoiser', async (scale, expected) => {
    const [manifest] = (await loadFamilies(bundledModelsDir)).filter(isFlow);
    expect(modelGuidance(manifest!, scale)).toBeCloseTo(expected, 10);
  });
});
