import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { blended, tileOf, tileOffsets } from './tiles.js';

const sideCells = 16;
const widths = fc.integer({ min: sideCells, max: 64 });

describe('the squares of a wide picture', () => {
  it('are one for a square', () => {
    expect(tileOffsets({ sideCells, widthCells: sideCells }, 4)).toEqual([0]);
  });

  it('reach from edge to edge and overlap by as much as was asked for', () => {
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 8 }), (widthCells, overlap) => {
        const offsets = tileOffsets({ sideCells, widthCells }, overlap);
        expect([offsets[0], offsets.at(-1)]).toEqual([0, widthCells - sideCells]);
        // Half a cell is lost where offsets are rounded.
        offsets.forEach((left, k) => expect(left - (offsets[k - 1] ?? left)).toBeLessThanOrEqual(sideCells - overlap + 1));
      }),
    );
  });

  it('are what is under them, and give back what was cut when all say the same', () => {
    fc.assert(
      fc.property(widths, (widthCells) => {
        const extent = { sideCells, widthCells };
        const latent = Float32Array.from({ length: 2 * sideCells * widthCells }, (_, k) => Math.sin(k));
        const tiles = tileOffsets(extent, 4).map((left) => ({ left, values: Float64Array.from(tileOf(latent, extent, left)) }));
        const whole = blended(tiles, extent);
        expect(whole).toHaveLength(latent.length);
        whole.forEach((value, k) => expect(value).toBeCloseTo(latent[k] ?? Number.NaN, 6));
      }),
    );
  });

  it('pass into each other without a step', () => {
    const extent = { sideCells, widthCells: 28 };
    const predictions = tileOffsets(extent, 4).map((left, k) => ({ left, values: new Float64Array(sideCells * sideCells).fill(k) }));
    const row = [...blended(predictions, extent).subarray(0, 28)];
    expect([row[0], row.at(-1)]).toEqual([0, 1]);
    row.forEach((value, k) => expect(value).toBeGreaterThanOrEqual(row[k - 1] ?? 0));
    expect(Math.max(...row.map((value, k) => value - (row[k - 1] ?? 0)))).toBeLessThan(0.5);
  });
});
