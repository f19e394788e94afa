import { invalidArgument, type TesseraError } from '@tessera/platform/errors.js';

type Size = { readonly widthPx: number; readonly heightPx: number };

/** Of a picture that is delivered enlarged or cut out. */
export const megapixelsMax = 20;
const pixelsMax = megapixelsMax * 1_000_000;
export const upscaleFactorMax = 8;
const upscaleFactorDefault = 2;
/** Longer sides cannot be priced, and WebP has none. */
const sidePxMax = 16_383;
/** Both sides are whole pixels. */
const roundingPx = 1;

/** How large a picture shall become: by a factor, by one side or by both; 0 is left open, and nothing at all means twice, or as much of it as may be. */
export type UpscaleWish = Size & { readonly factor: number };

/** The size of the enlarged picture. Errors: InvalidArgument `invalid_upscale`, `too_many_megapixels`. */
export function upscaledSize(source: Size, { factor, widthPx, heightPx }: UpscaleWish): Size {
  if (widthPx > 0 || heightPx > 0) {
    if (factor !== 0) throw invalidUpscale('Say by how much a picture shall grow, or how large it shall be, not both.', 'factor');
    const size = {
      widthPx: widthPx || Math.max(1, Math.round((heightPx * source.widthPx) / source.heightPx)),
      heightPx: heightPx || Math.max(1, Math.round((widthPx * source.heightPx) / source.widthPx)),
    };
    refuseUnfitSize(source, size, widthPx > 0 ? 'width' : 'height');
    return size;
  }
  if (factor === 0) {
    const most = Math.min(
      upscaleFactorDefault,
      Math.sqrt(pixelsMax / pixelsOf(source)),
      sidePxMax / Math.max(source.widthPx, source.heightPx),
    );
    const size = { widthPx: Math.floor(source.widthPx * most), heightPx: Math.floor(source.heightPx * most) };
    refuseUnfitSize(source, size, 'asset_id');
    return size;
  }
  if (!(factor > 1 && factor <= upscaleFactorMax))
    throw invalidUpscale(`A picture grows by more than 1 and at most ${upscaleFactorMax} times; ${factor} was asked for.`, 'factor');
  const size = { widthPx: Math.round(source.widthPx * factor), heightPx: Math.round(source.heightPx * factor) };
  refuseUnfitSize(source, size, 'factor');
  return size;
}

/** What an engine is asked for: larger than the picture, by no more than it may be, and in its proportions. */
export function refuseUnfitSize(source: Size, size: Size, param: string): void {
  refuseTooLarge(size, param);
  const isLarger = size.widthPx >= source.widthPx && size.heightPx >= source.heightPx && pixelsOf(size) > pixelsOf(source);
  const isWithin =
    size.widthPx <= source.widthPx * upscaleFactorMax + roundingPx && size.heightPx <= source.heightPx * upscaleFactorMax + roundingPx;
  const sized = `A picture of ${source.widthPx} x ${source.heightPx} pixels`;
  if (!isLarger || !isWithin)
    throw invalidUpscale(
      `${sized} grows by more than 1 and at most ${upscaleFactorMax} times; ${size.widthPx} x ${size.heightPx} is not within that.`,
      param,
    );
  const scale = Math.max(size.widthPx / source.widthPx, size.heightPx / source.heightPx);
  const isInProportion =
    Math.abs(size.widthPx - source.widthPx * scale) <= scale + roundingPx &&
    Math.abs(size.heightPx - source.heightPx * scale) <= scale + roundingPx;
  if (!isInProportion) throw invalidUpscale(`${sized} cannot become ${size.widthPx} x ${size.heightPx} without being stretched.`, param);
}

/** Whatever is delivered is bounded. */
export function refuseTooLarge(size: Size, param: string): void {
  if (pixelsOf(size) <= pixelsMax && Math.max(size.widthPx, size.heightPx) <= sidePxMax) return;
  throw invalidArgument(
    'too_many_megapixels',
    `A picture of ${size.widthPx} x ${size.heightPx} pixels is too large: at most ${megapixelsMax} megapixels and ${sidePxMax} pixels a side.`,
    { param },
  );
}

const invalidUpscale = (message: string, param: string): TesseraError => invalidArgument('invalid_upscale', message, { param });

const pixelsOf = ({ widthPx, heightPx }: Size): number => widthPx * heightPx;
