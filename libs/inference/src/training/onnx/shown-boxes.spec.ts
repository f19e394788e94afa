import { describe, expect, it } from '@jest/globals';
import { partsOf } from './shown-boxes.js';

const side = 32;
const matteWith = (...rectangles: readonly (readonly [left: number, top: number, width: number, height: number])[]) => {
  const matte = new Uint8Array(side * side);
  for (const [left, top, width, height] of rectangles)
    for (let y = top; y < top + height; y += 1) for (let x = left; x < left + width; x += 1) matte[y * side + x] = 255;
  return matte;
};

describe('the parts of a matte', () => {
  it('are named from left to right, each with a square around it', () => {
    expect(partsOf(matteWith([20, 2, 8, 10], [2, 10, 6, 6]), side)).toEqual([
      { x: 5, y: 13, side: 6 },
      { x: 24, y: 7, side: 10 },
    ]);
  });

  it('do not include specks, nor go around the edge', () => {
    expect(partsOf(matteWith([0, 4, 4, 4], [28, 5, 4, 4], [15, 15, 1, 1]), side)).toHaveLength(2);
  });
});
