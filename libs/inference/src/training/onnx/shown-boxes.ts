import type { Manifest } from '@tessera/models/manifest.js';
import type { Box } from '../../flow/layout/layout.js';
import type { Sessions } from '../../flow/sessions.js';
import { boundsOfLevels, matteOf } from '../../flow/subjects/matting.js';
import type { Square } from '../squares.js';

/** Matte from which a pixel belongs to the things. */
const subjectFrom = 128;
/** Smaller specks, of all pixels, are the matting head's doubts. */
const thingShareMin = 0.005;

/**
 * Where a picture shows its things, from left to right as captions name them, by the model's matting head: a part of the matte for each. Where the parts are not as many as the things, or one is on
 * another, the boxes that the layout expects are moved together into the bounds of the matte. Undefined: nothing stands out.
 */
export async function shownBoxes(
  square: Square,
  { count, areSideBySide }: { count: number; areSideBySide: boolean },
  expected: () => Promise<readonly Box[]>,
  manifest: Manifest,
  sessions: Sessions,
): Promise<readonly Box[] | undefined> {
  const native = manifest.nativeSidePx;
  const matte = await matteOf({ data: square, widthPx: native, heightPx: native }, manifest, sessions);
  const whole = matte && boxOf(boundsOfLevels(matte, native, subjectFrom));
  if (!matte || !whole || count === 0) return undefined;
  if (count === 1) return [whole];
  const parts = areSideBySide ? partsOf(matte, native) : [];
  return parts.length === count ? parts : into(whole, await expected());
}

function boxOf(bounds: { left: number; top: number; width: number; height: number } | undefined): Box | undefined {
  return bounds && { x: bounds.left + bounds.width / 2, y: bounds.top + bounds.height / 2, side: Math.max(bounds.width, bounds.height) };
}

/** Connected parts of the matte (https://en.wikipedia.org/wiki/Connected-component_labeling), from left to right. */
export function partsOf(matte: Uint8Array, sidePx: number): Box[] {
  const seen = new Uint8Array(matte.length);
  const boxes: Box[] = [];
  for (let from = 0; from < matte.length; from += 1) {
    const part = floodFrom(from, matte, seen, sidePx);
    if (part.length < thingShareMin * matte.length) continue;
    const levels = new Uint8Array(matte.length);
    for (const pixel of part) levels[pixel] = subjectFrom;
    const box = boxOf(boundsOfLevels(levels, sidePx, subjectFrom));
    if (box) boxes.push(box);
  }
  return boxes.toSorted((a, b) => a.x - b.x);
}

function floodFrom(from: number, matte: Uint8Array, seen: Uint8Array, sidePx: number): number[] {
  const part: number[] = [];
  const open = [from];
  for (let pixel = open.pop(); pixel !== undefined; pixel = open.pop()) {
    if (seen[pixel] === 1 || (matte[pixel] ?? 0) < subjectFrom) continue;
    seen[pixel] = 1;
    part.push(pixel);
    const x = pixel % sidePx;
    if (x > 0) open.push(pixel - 1);
    if (x < sidePx - 1) open.push(pixel + 1);
    open.push(pixel - sidePx, pixel + sidePx);
  }
  return part;
}

/** Moves and scales boxes so that together they fill `whole`. */
function into(whole: Box, boxes: readonly Box[]): Box[] {
  const left = Math.min(...boxes.map(({ x, side }) => x - side / 2));
  const right = Math.max(...boxes.map(({ x, side }) => x + side / 2));
  const top = Math.min(...boxes.map(({ y, side }) => y - side / 2));
  const bottom = Math.max(...boxes.map(({ y, side }) => y + side / 2));
  const scale = whole.side / Math.max(right - left, bottom - top);
  return boxes.map(({ x, y, side }) => ({
    x: whole.x + (x - (left + right) / 2) * scale,
    y: whole.y + (y - (top + bottom) / 2) * scale,
    side: side * scale,
  }));
}
