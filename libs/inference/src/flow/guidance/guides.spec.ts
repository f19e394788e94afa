import { describe, expect, it } from '@jest/globals';
import { edgesOf } from './guides.js';

/** `[3, height, width]` of a grey picture. */
const grey = (widthPx: number, heightPx: number, value: (x: number, y: number) => number) => {
  const area = widthPx * heightPx;
  return {
    widthPx,
    heightPx,
    planes: Float32Array.from({ length: 3 * area }, (_, at) => value(at % widthPx, Math.floor((at % area) / widthPx))),
  };
};
const row = (edges: Float32Array, widthPx: number, y: number) =>
  Array.from(edges.subarray(y * widthPx, (y + 1) * widthPx), (value) => Number(value.toFixed(4)));

describe('the edges of a picture', () => {
  it('are none where nothing changes, the border included', () => {
    expect(Math.max(...edgesOf(grey(7, 5, () => 0.7)))).toBe(0);
  });

  it('are full on both sides of a step from black to white', () => {
    expect(row(edgesOf(grey(10, 6, (x) => (x < 5 ? 0 : 1))), 10, 0)).toEqual([0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
  });

  it('fade with the height of the step, downwards as across', () => {
    // Blurred, a step of 0.1 rises by 0.025, 0.05 and 0.025: its gradients are 0.025, 0.075, 0.075, 0.025.
    const expected = [0, 0, 0, 0, 0.125, 0.125, 0, 0, 0, 0];
    expect(row(edgesOf(grey(10, 4, (x) => (x < 5 ? 0.2 : 0.3))), 10, 2)).toEqual(expected);
    const downwards = edgesOf(grey(4, 10, (_x, y) => (y < 5 ? 0.2 : 0.3)));
    expect(Array.from({ length: 10 }, (_, y) => Number((downwards[y * 4 + 2] ?? 0).toFixed(4)))).toEqual(expected);
  });

  it('are those of the colour that changes most', () => {
    const red = grey(10, 4, (x) => (x < 5 ? 0 : 1));
    red.planes.fill(0.5, 40);
    expect(row(edgesOf(red), 10, 1)).toEqual([0, 0, 0, 1, 1, 1, 1, 0, 0, 0]);
  });
});
