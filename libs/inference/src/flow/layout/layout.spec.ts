import { describe, expect, it } from '@jest/globals';
import { fitToFormat, placedAside, spreadToFormat, stacked } from './layout.js';

const shape = { aspectWidth: 1, aspectHeight: 0.8 };

describe('fitting things into a format', () => {
  it('leaves a square as it is', () => {
    const boxes = [{ x: 64, y: 80, side: 60 }];
    expect(fitToFormat(boxes, [shape], 128, 512, 512)).toEqual({
      boxes,
      window: { left: 0, top: 0, width: 128, height: 128 },
      widthPx: 128,
    });
  });

  it.each([
    [768, 432, [{ x: 64, y: 90, side: 110 }]],
    [
      432,
      768,
      [
        { x: 30, y: 90, side: 50 },
        { x: 95, y: 90, side: 55 },
      ],
    ],
    [1536, 256, [{ x: 64, y: 64, side: 100 }]],
  ])('keeps everything in view at %d x %d', (widthPx, heightPx, boxes) => {
    const { boxes: fitted, window } = fitToFormat(
      boxes,
      boxes.map(() => shape),
      128,
      widthPx,
      heightPx,
    );
    expect(window.width / window.height).toBeCloseTo(widthPx / heightPx, 6);
    for (const { x, y, side } of fitted) {
      expect(x - side / 2).toBeGreaterThanOrEqual(window.left);
      expect(x + side / 2).toBeLessThanOrEqual(window.left + window.width);
      expect(y - side * 0.4).toBeGreaterThanOrEqual(window.top);
      expect(y + side * 0.4).toBeLessThanOrEqual(window.top + window.height);
    }
  });
});

describe('spreading things over a wide picture', () => {
  it.each([1.2, 4 / 3, 1.5, 16 / 9, 2.5])('keeps their size and their order, and everything in view, at %d to one', (ratio) => {
    const boxes = [
      { x: 30, y: 90, side: 50 },
      { x: 95, y: 80, side: 64 },
    ];
    const { boxes: spread, window, widthPx } = spreadToFormat(boxes, [shape, shape], 128, 8, ratio);
    expect([widthPx % 8, window.height]).toEqual([0, 128]);
    expect(window.width).toBeCloseTo(128 * ratio, 6);
    expect(window.left).toBeGreaterThanOrEqual(0);
    expect(window.left + window.width).toBeLessThanOrEqual(widthPx);
    expect(spread.map(({ y, side }) => [y, side])).toEqual([
      [90, 50],
      [80, 64],
    ]);
    expect(spread[1]!.x - spread[0]!.x).toBeGreaterThan(95 - 30);
    for (const { x, side } of spread) {
      expect(x - side / 2).toBeGreaterThan(window.left);
      expect(x + side / 2).toBeLessThan(window.left + window.width);
    }
  });
});

describe('putting one thing on another', () => {
  it.each([
    [40, 50, 100],
    [70, 80, 120],
  ])('keeps the foot, and nothing leaves the picture, for sides of %d and %d', (upperSide, lowerSide, lowerY) => {
    const [upper, lower] = stacked(
      [
        { x: 60, y: 10, side: upperSide },
        { x: 70, y: lowerY - 0.4 * lowerSide, side: lowerSide },
      ],
      [shape, shape],
      0.2,
      2,
    );
    const top = ({ y, side }: { y: number; side: number }) => y - side * 0.4;
    const height = ({ side }: { side: number }) => side * 0.8;
    expect(top(lower!) + height(lower!)).toBeCloseTo(lowerY, 6);
    expect(top(upper!) + height(upper!)).toBeCloseTo(top(lower!) + 0.2 * height(lower!), 6);
    expect(top(upper!)).toBeGreaterThanOrEqual(2 - 1e-9);
  });
});

describe('putting one thing aside of another', () => {
  it.each([-1, 1])('keeps their distance, in direction %d', (direction) => {
    const [first, second] = placedAside(
      [
        { x: 64, y: 80, side: 40 },
        { x: 60, y: 90, side: 40 },
      ],
      [shape, shape],
      24,
      direction,
      128,
      2,
    );
    expect(second!.x - first!.x).toBeCloseTo(24 * direction, 6);
    expect([first!.y, second!.y]).toEqual([80, 90]);
  });

  it('keeps both in the picture', () => {
    const [first, second] = placedAside(
      [
        { x: 100, y: 80, side: 60 },
        { x: 60, y: 90, side: 40 },
      ],
      [shape, shape],
      60,
      1,
      128,
      2,
    );
    expect(first!.x).toBe(70);
    expect(second!.x).toBe(106);
  });
});
