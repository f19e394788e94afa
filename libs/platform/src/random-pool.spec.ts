import { describe, expect, it } from '@jest/globals';
import { pooledRandomBytes } from './random-pool.js';

describe('the random pool', () => {
  it('gives the number of bytes asked for, and none twice', () => {
    // 1,000 draws of 24 bytes pass through several fillings, with a rest at the end of each.
    const draws = Array.from({ length: 1000 }, () => pooledRandomBytes(24).toString('hex'));
    expect(draws.every((draw) => draw.length === 48)).toBe(true);
    expect(new Set(draws.flatMap((draw) => [draw.slice(0, 24), draw.slice(24)])).size).toBe(2000);
  });
});
