import type { Thing } from './things.js';

/** How a thing is turned in the plane of the picture. */
export type Pose = { readonly degrees: number; readonly isMirrored: boolean };

/** A thing, posed, cropped and centred in a square as large as it fits: `[4, side, side]`, red, green and blue times alpha, then alpha. */
export type Frame = { readonly sidePx: number; readonly planes: Float32Array; readonly heightPerWidth: number };

/** Beyond these, a silhouette tells a turned thing from another thing no more. */
export const poses: readonly Pose[] = [false, true].flatMap((isMirrored) =>
  [0, -12, 12, -24, 24, -36, 36].map((degrees) => ({ degrees, isMirrored })),
);

export function framed({ widthPx, heightPx, rgba }: Thing, sidePx: number, { degrees, isMirrored }: Pose): Frame {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const flip = isMirrored ? -1 : 1;
  const [middleX, middleY] = [(widthPx - 1) / 2, (heightPx - 1) / 2];
  let [left, top, right, bottom] = [0, 0, 0, 0];
  for (let pixel = 0; pixel < widthPx * heightPx; pixel += 1) {
    if (!rgba[pixel * 4 + 3]) continue;
    const [x, y] = [flip * ((pixel % widthPx) - middleX), Math.floor(pixel / widthPx) - middleY];
    const [turnedX, turnedY] = [cos * x - sin * y, sin * x + cos * y];
    [left, right] = [Math.min(left, turnedX), Math.max(right, turnedX)];
    [top, bottom] = [Math.min(top, turnedY), Math.max(bottom, turnedY)];
  }
  const [width, height] = [right - left + 1, bottom - top + 1];
  const scale = Math.max(width, height) / sidePx;
  const planes = new Float32Array(4 * sidePx * sidePx);
  for (let pixel = 0; pixel < sidePx * sidePx; pixel += 1) {
    const x = (left + right) / 2 + ((pixel % sidePx) - (sidePx - 1) / 2) * scale;
    const y = (top + bottom) / 2 + (Math.floor(pixel / sidePx) - (sidePx - 1) / 2) * scale;
    const fromX = Math.round(middleX + flip * (cos * x + sin * y));
    const fromY = Math.round(middleY - sin * x + cos * y);
    if (fromX < 0 || fromY < 0 || fromX >= widthPx || fromY >= heightPx) continue;
    const at = 4 * (fromY * widthPx + fromX);
    if (!rgba[at + 3]) continue;
    for (let channel = 0; channel < 4; channel += 1) planes[channel * sidePx * sidePx + pixel] = rgba[at + channel] ?? 0;
  }
  return { sidePx, planes, heightPerWidth: height / width };
}

export const alphaOf = ({ planes, sidePx }: Frame): Float32Array => planes.subarray(3 * sidePx * sidePx);
