import sharp, { type Sharp } from 'sharp';
import { invalidArgument } from '@tessera/platform/errors.js';
import type { GuidanceInput } from '../diffusion-engine.js';
import { initPixelsMax } from './init-image.js';

/** Whatever is wrong with a picture becomes one refusal. */
export async function readGuidance<Result>({ bytes, kind }: GuidanceInput, use: (picture: Sharp) => Promise<Result>): Promise<Result> {
  try {
    return await use(sharp(bytes, { limitInputPixels: initPixelsMax, failOn: 'error' }).autoOrient().toColourspace('srgb'));
  } catch (cause) {
    throw invalidArgument(
      'unreadable_guidance',
      `The picture for "${kind}" could not be read: send a whole PNG, JPEG or WebP of at most 40 megapixels.`,
      { param: 'guidance', cause },
    );
  }
}
