import { describe, expect, it } from '@jest/globals';
import { matchTone } from './tone.js';

const side = 64;
const area = side * side;
const isInside = (pixel: number) =>
  pixel % side >= 20 && pixel % side < 44 && Math.floor(pixel / side) >= 20 && Math.floor(pixel / side) < 44;
const inpaint = {
  widthPx: side,
  heightPx: side,
  known: new Uint8Array(3 * area).fill(100),
  mask: Uint8Array.from({ length: area }, (_, pixel) => (isInside(pixel) ? 255 : 0)),
};
const generated = (value: (pixel: number, channel: number) => number) =>
  Uint8Array.from({ length: 3 * area }, (_, at) => value(Math.floor(at / 3), at % 3));

describe('the tone of what was inpainted', () => {
  it('follows what decoding did to the picture around it, colour by colour', () => {
    const pixels = generated((_pixel, channel) => [110, 95, 100][channel]!);
    matchTone(pixels, inpaint);
    const middle = 3 * (32 * side + 32);
    expect(Math.abs(pixels[middle]! - 100)).toBeLessThanOrEqual(1);
    expect(Math.abs(pixels[middle + 1]! - 100)).toBeLessThanOrEqual(1);
    expect(pixels[middle + 2]).toBe(100);
  });

  it('stays as it is where the picture around it is another one', () => {
    const pixels = generated(() => 200);
    matchTone(pixels, inpaint);
    expect(pixels.every((value) => value === 200)).toBe(true);
  });

  it('changes nothing of what stays', () => {
    const pixels = generated(() => 110);
    matchTone(pixels, inpaint);
    expect(
      Array.from({ length: area }, (_, pixel) => pixel)
        .filter((pixel) => !isInside(pixel))
        .every((pixel) => pixels[3 * pixel] === 110),
    ).toBe(true);
  });
});
