import { describe, expect, it } from '@jest/globals';
import { TesseraError } from '@tessera/platform/errors.js';
import fc from 'fast-check';
import { megapixelsMax, upscaledSize, upscaleFactorMax, type UpscaleWish } from './upscaling.js';

const sized = (widthPx: number, heightPx: number) => ({ widthPx, heightPx });
const nothing: UpscaleWish = { factor: 0, widthPx: 0, heightPx: 0 };
const refusal = (source: ReturnType<typeof sized>, wish: Partial<UpscaleWish>) => {
  try {
    return upscaledSize(source, { ...nothing, ...wish });
  } catch (error) {
    if (error instanceof TesseraError) return `${error.reason} ${error.param}`;
    throw error;
  }
};

describe('the size of an enlarged picture', () => {
  it.each([
    [sized(512, 512), { factor: 4 }, sized(2048, 2048)],
    [sized(301, 201), { factor: 1.5 }, sized(452, 302)],
    [sized(1, 100), { factor: 8 }, sized(8, 800)],
    [sized(720, 477), { widthPx: 1440 }, sized(1440, 954)],
    [sized(720, 477), { heightPx: 1431 }, sized(2160, 1431)],
    [sized(720, 477), { widthPx: 1440, heightPx: 954 }, sized(1440, 954)],
    [sized(1000, 500), {}, sized(2000, 1000)],
    [sized(4000, 4000), {}, sized(4472, 4472)],
    [sized(10_000, 10), {}, sized(16_383, 16)],
    [sized(2500, 2000), { factor: 2 }, sized(5000, 4000)],
  ])('of %j by %j is %j', (source, wish, size) => {
    expect(upscaledSize(source, { ...nothing, ...wish })).toEqual(size);
  });

  it.each([
    [sized(512, 512), { factor: 1 }, 'invalid_upscale factor'],
    [sized(512, 512), { factor: 8.1 }, 'invalid_upscale factor'],
    [sized(512, 512), { factor: -2 }, 'invalid_upscale factor'],
    [sized(512, 512), { factor: Number.NaN }, 'invalid_upscale factor'],
    [sized(512, 512), { factor: Number.POSITIVE_INFINITY }, 'invalid_upscale factor'],
    [sized(512, 512), { factor: 2, widthPx: 1024 }, 'invalid_upscale factor'],
    [sized(512, 512), { widthPx: 512 }, 'invalid_upscale width'],
    [sized(512, 512), { heightPx: 100 }, 'invalid_upscale height'],
    [sized(100, 100), { widthPx: 900 }, 'invalid_upscale width'],
    [sized(512, 512), { widthPx: 1024, heightPx: 1100 }, 'invalid_upscale width'],
    [sized(3000, 4000), { widthPx: 4000, heightPx: 3000 }, 'invalid_upscale width'],
    [sized(2501, 2000), { factor: 2 }, 'too_many_megapixels factor'],
    [sized(10_000, 10), { factor: 2 }, 'too_many_megapixels factor'],
    [sized(5000, 4000), {}, 'invalid_upscale asset_id'],
    [sized(8000, 5000), {}, 'invalid_upscale asset_id'],
  ])('is refused for %j by %j: %s', (source, wish, refused) => {
    expect(refusal(source, wish)).toBe(refused);
  });

  it('is larger, bounded and in proportion, or refused', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    const wish = fc.record({
      factor: fc.oneof(fc.constant(0), fc.double({ min: -1, max: 10 })),
      widthPx: fc.constant(0),
      heightPx: fc.constant(0),
    });
    fc.assert(
      fc.property(side, side, wish, (widthPx, heightPx, asked) => {
        const size = refusal({ widthPx, heightPx }, asked);
        if (typeof size === 'string') return;
        expect(size.widthPx * size.heightPx).toBeLessThanOrEqual(megapixelsMax * 1_000_000);
        expect(size.widthPx * size.heightPx).toBeGreaterThan(widthPx * heightPx);
        expect(size.widthPx).toBeLessThanOrEqual(widthPx * upscaleFactorMax + 1);
        // Not half a pixel of the picture off.
        const scale = Math.max(size.widthPx / widthPx, size.heightPx / heightPx);
        expect(Math.abs(size.widthPx / scale - widthPx)).toBeLessThanOrEqual(1);
        expect(Math.abs(size.heightPx / scale - heightPx)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
