import type { Poses } from '@tessera/models/manifest.js';
import { clamp } from './layout.js';
import type { Random } from '../random.js';

/** Row-major 2 x 2 matrix from the coordinates of a thing's box to those of its picture. */
export type Pose = readonly [number, number, number, number];

export const upright: Pose = [1, 0, 0, 1];

/** A mirror image at times, a turn, a slant. Draws the same numbers whatever comes of them, so that one thing's pose does not depend on another's. */
export function drawPose(
  { mirroredShare, turnedShare, turnDeviationDegrees, maxTurnDegrees, slantDeviation }: Poses,
  canMirror: boolean,
  random: Random,
): Pose {
  const isMirrored = random.uniform() < mirroredShare && canMirror;
  const isTurned = random.uniform() < turnedShare;
  const turn = clamp(random.normal() * turnDeviationDegrees, -maxTurnDegrees, maxTurnDegrees);
  const slant = random.normal() * slantDeviation;
  const angle = isTurned ? (turn * Math.PI) / 180 : 0;
  const flip = isMirrored ? -1 : 1;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return [flip * cos, flip * (cos * slant + sin), -sin, cos - sin * slant];
}
