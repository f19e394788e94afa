import { describe, expect, it } from '@jest/globals';
import { fitToFormat } from './layout.js';

const shape = { aspectWidth: 1, aspectHeight: 0.8 };

describe('fitting things into a format', () => {
  it('leaves a square as it is', () => {
    const boxes = [{ x: 64, y: 80, side: 60 }];
    expect(fitToFormat(boxes, [shape], 128, 512, 512)).toEqual({ boxes, window: { left: 0, top: 0, width: 128, height: 128 } });
  });

  it.each([[768, 432, [{ x: 64, y: 90, side: 110 }]], [432, 768, [{ x: 30, y: 90, side: 50 }, { x: 95, y: 90, side: 55 }]], [1536, 256, [{ x: 64, y: 64, side: 100 }]]])('keeps everything in view at %d x %d', (widthPx, heightPx, boxes) => {
    const { boxes: fitted, window } = fitToFormat(boxes, boxes.map(() => shape), 128, widthPx, heightPx);
    expect(window.width / window.height).toBeCloseTo(widthPx / heightPx, 6);
    for (const { x, y, side } of fitted) {
      expect(x - side / 2).toBeGreaterThanOrEqual(window.left);
      expect(x + side / 2).toBeLessThanOrEqual(window.left + window.width);
      expect(y - side * 0.4).toBeGreaterThanOrEqual(window.top);
      expect(y + side * 0.4).toBeLessThanOrEqual(window.top + window.height);
    }
  });
});
