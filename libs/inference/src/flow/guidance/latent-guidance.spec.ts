import { describe, expect, it } from '@jest/globals';
import { Random } from '../random.js';
import { guideContent, guideStyle } from './latent-guidance.js';

const side = 8;
const area = side * side;
const random = (stream: number) => new Random(1, stream).normals(2 * area);
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: ArrayLike<number>) => Math.sqrt(mean(Array.from(values, (value) => (value - mean(values)) ** 2)));

describe('latent guidance', () => {
  it('by content replaces its coarse part and keeps its details', () => {
    const [latent, wanted, noise] = [random(1), new Float32Array(2 * area).fill(3), random(2)];
    const before = latent.slice();
    guideContent(latent, { latent: wanted, strength: 1 }, noise, 0, 1, side, side);
    expect(mean(latent.subarray(0, area))).toBeCloseTo(3, 4);
    expect(deviation(latent.subarray(0, area))).toBeCloseTo(deviation(before.subarray(0, area)), 4);
  });

  it('by content aims at the picture with as much noise as the step has left', () => {
    const [latent, wanted, noise] = [new Float32Array(2 * area), new Float32Array(2 * area).fill(3), new Float32Array(2 * area).fill(1)];
    guideContent(latent, { latent: wanted, strength: 1 }, noise, 0.25, 1, side, side);
    expect(mean(latent)).toBeCloseTo(0.25 * 1 + 0.75 * 3, 4);
  });

  it("by style gives each channel the picture's mean and spread", () => {
    const [latent, wanted] = [random(3), random(4).map((value, k) => (k < area ? 2 * value + 5 : 0.5 * value - 1))];
    guideStyle(latent, latent.slice(), { latent: wanted, strength: 1 }, 0, 1, area);
    for (const from of [0, area]) {
      expect(mean(latent.subarray(from, from + area))).toBeCloseTo(mean(wanted.subarray(from, from + area)), 3);
      expect(deviation(latent.subarray(from, from + area))).toBeCloseTo(deviation(wanted.subarray(from, from + area)), 3);
    }
  });

  it('does more the stronger it is, and nothing at strength 0', () => {
    const moved = [0, 0.3, 0.6, 1].map((strength) => {
      const latent = random(5);
      guideContent(latent, { latent: new Float32Array(2 * area).fill(3), strength }, random(6), 0.5, 20, side, 4);
      return mean(latent.map((value, k) => Math.abs(value - random(5)[k]!)));
    });
    expect(moved[0]).toBe(0);
    expect(moved).toEqual(moved.toSorted((a, b) => a - b));
    expect(new Set(moved).size).toBe(4);
  });
});
