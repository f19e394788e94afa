import { invalidArgument, type TesseraError } from '@tessera/platform/errors.js';
import type { Measured } from './measured.js';

/** Below this nothing can be learnt at the sizes of any model here. */
export const shorterSideMinPx = 256;
/** Below this a picture is enlarged for every model of today, and its blur is learnt with it. */
export const shorterSideGoodPx = 512;
/** Wider, or higher, and a crop shows a part of the thing only. */
export const aspectMax = 3;

type Sides = Pick<Measured, 'widthPx' | 'heightPx'>;

export const shorterSidePx = ({ widthPx, heightPx }: Sides): number => Math.min(widthPx, heightPx);

export const aspectOf = ({ widthPx, heightPx }: Sides): number => Math.max(widthPx, heightPx) / Math.min(widthPx, heightPx);

/** Why the picture cannot be used at all. */
export const tooSmall = (sides: Sides): TesseraError | undefined =>
  shorterSidePx(sides) < shorterSideMinPx
    ? invalidArgument(
        'picture_too_small',
        `The picture is ${sides.widthPx} by ${sides.heightPx} pixels; its shorter side must have at least ${shorterSideMinPx}.`,
        { param: 'file' },
      )
    : undefined;
