import { describe, expect, it } from '@jest/globals';
import { drawPose, type Pose } from './pose.js';
import { Random } from '../random.js';

const poses = { mirroredShare: 0.5, turnedShare: 1, turnDeviationDegrees: 30, maxTurnDegrees: 24, slantDeviation: 0.05 };
const determinant = ([a, b, c, d]: Pose) => a * d - b * c;
const drawn = (canMirror: boolean) => Array.from({ length: 100 }, (_, seed) => drawPose(poses, canMirror, new Random(seed, 3)));

describe('a pose', () => {
  it('is the same for the same seed', () => {
    expect(drawn(true)).toEqual(drawn(true));
  });

  it('keeps the size of the thing, and mirrors it at times', () => {
    const determinants = drawn(true).map(determinant);
    for (const each of determinants) expect(Math.abs(each)).toBeCloseTo(1, 10);
    expect(determinants.some((each) => each < 0)).toBe(true);
    expect(determinants.some((each) => each > 0)).toBe(true);
  });

  it('never mirrors what is lettered', () => {
    for (const pose of drawn(false)) expect(determinant(pose)).toBeGreaterThan(0);
  });

  it('never turns further than allowed', () => {
    for (const [, , sine] of drawn(true)) expect(Math.abs(sine)).toBeLessThanOrEqual(Math.sin((24 * Math.PI) / 180) + 1e-12);
  });
});
