import { describe, expect, it } from '@jest/globals';
import { Adam } from './adam.js';

describe('Adam', () => {
  it('moves by the rate at first, whatever the slope', () => {
    const parameters = Float32Array.of(1, 1, 1);
    new Adam(parameters).step(Float32Array.of(5, -0.001, 0), 0.1);
    [0.9, 1.1, 1].forEach((expected, k) => expect(parameters[k]).toBeCloseTo(expected, 4));
  });

  it('finds the bottom of a bowl, in one go or interrupted', () => {
    const slope = (at: Float32Array) => Float32Array.of(2 * (at[0]! - 1), 20 * (at[1]! + 1));
    const parameters = Float32Array.of(3, -2);
    const adam = new Adam(parameters);
    for (let step = 0; step < 400; step += 1) adam.step(slope(parameters), 0.05);
    expect(parameters[0]).toBeCloseTo(1, 2);
    expect(parameters[1]).toBeCloseTo(-1, 2);

    const interrupted = Float32Array.of(3, -2);
    let resumed = new Adam(interrupted);
    for (let step = 0; step < 400; step += 1) {
      if (step % 150 === 0)
        resumed = new Adam(interrupted, { mean: resumed.moments.mean.slice(), square: resumed.moments.square.slice() }, step);
      resumed.step(slope(interrupted), 0.05);
    }
    expect(interrupted).toEqual(parameters);
  });
});
