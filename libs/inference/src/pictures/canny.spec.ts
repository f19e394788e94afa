import { describe, expect, it } from '@jest/globals';
import { cannyEdges } from './canny.js';

const grey = (widthPx: number, heightPx: number, levelAt: (x: number, y: number) => number) => ({
  widthPx,
  heightPx,
  data: Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, at) => {
    const pixel = Math.floor(at / 3);
    return levelAt(pixel % widthPx, Math.floor(pixel / widthPx));
  }),
});
const rows = (picture: ReturnType<typeof grey>) => {
  const edges = cannyEdges(picture);
  return Array.from({ length: picture.heightPx }, (_, y) =>
    Array.from(edges.subarray(y * picture.widthPx, (y + 1) * picture.widthPx), (level) =>
      level === 255 ? '#' : level === 0 ? '.' : '?',
    ).join(''),
  );
};

describe("Canny's edges", () => {
  it('are none where nothing changes, the border included', () => {
    expect(rows(grey(5, 3, () => 130))).toEqual(['.....', '.....', '.....']);
  });

  it('are one pixel wide along a step, across and down', () => {
    expect(rows(grey(6, 3, (x) => (x < 3 ? 0 : 255)))).toEqual(['..#...', '..#...', '..#...']);
    expect(rows(grey(3, 6, (_x, y) => (y < 3 ? 0 : 255)))).toEqual(['...', '...', '###', '...', '...', '...']);
  });

  it('go round a square without a gap', () => {
    expect(rows(grey(10, 10, (x, y) => (x >= 2 && x < 8 && y >= 2 && y < 8 ? 255 : 0)))).toEqual([
      '..........',
      '...####...',
      '..#....#..',
      '.#.....#..',
      '.#.....#..',
      '.#.....#..',
      '.#.....#..',
      '..######..',
      '..........',
      '..........',
    ]);
  });

  it('keep a weak step only where it goes on from a strong one', () => {
    // A step of 40 has a gradient of 160: more than the weak threshold, less than the strong one.
    expect(rows(grey(6, 4, (x) => (x < 3 ? 0 : 40)))).toEqual(['......', '......', '......', '......']);
    expect(rows(grey(6, 6, (x, y) => (x < 3 ? 0 : y < 3 ? 40 : 200))).map((row) => row.slice(0, 4))[0]).toBe('..#.');
  });
});
