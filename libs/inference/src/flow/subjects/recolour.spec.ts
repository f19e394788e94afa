import { describe, expect, it } from '@jest/globals';
import { recolour } from './recolour.js';

const blue = { hue: 0.595, saturation: { scale: 1.05, offset: 0 }, value: { scale: 1, offset: 0 } };
const red = { ...blue, hue: 0.985 };
/** Nine pixels of `body`, then one of `outline`. */
const thing = (body: number[], outline: number[]) => Uint8Array.from([...Array.from({ length: 9 }, () => body).flat(), ...outline]);
const pixel = (rgba: Uint8Array, index: number) => [...rgba.subarray(index * 4, index * 4 + 4)];

describe('recolouring', () => {
  it('recolours the ruling hue and leaves the outline and the alpha alone', () => {
    const recoloured = recolour(thing([220, 40, 40, 200], [30, 30, 30, 255]), blue);
    const [r = 0, g = 0, b = 0, alpha] = pixel(recoloured, 0);
    expect(b).toBeGreaterThan(Math.max(r, g) + 60);
    expect(alpha).toBe(200);
    expect(pixel(recoloured, 9)).toEqual([30, 30, 30, 255]);
  });

  it('leaves a thing alone that has the colour already', () => {
    const rose = thing([220, 40, 50, 255], [30, 30, 30, 255]);
    expect(recolour(rose, red)).toEqual(rose);
  });

  it('recolours a grey thing by its greys', () => {
    const [r = 0, , b = 0] = pixel(recolour(thing([160, 160, 160, 255], [160, 160, 160, 255]), blue), 0);
    expect(b).toBeGreaterThan(r + 40);
  });
});
