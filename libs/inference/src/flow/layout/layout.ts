/** A square in native pixels that holds a thing; `side` is the longer side of the thing. */
export type Box = { readonly x: number; readonly y: number; readonly side: number };
export type Shape = { readonly aspectWidth: number; readonly aspectHeight: number };
/** In native pixels. */
export type Rectangle = { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
/** The part of what is generated that is delivered. */
export type Window = Rectangle;
/** In native pixels; what is generated is as high as the native square. */
export type Format = { readonly boxes: Box[]; readonly window: Window; readonly widthPx: number };

/** Room between a thing and the edge of the picture, native pixels. */
const edgePx = 3;
/** Things that fill a place leave this share of it to its edges. */
const filledShare = 0.72;
/** Of the room that a wide picture has beside a square, the share that things move apart by. */
const spreadShare = 0.6;
/** Smaller things have lost their features, whatever the model was trained on. */
const sidePxMin = 16;

/** A picture wider than the native square, of whole cells: things keep their size and move apart. */
export function spreadToFormat(boxes: readonly Box[], shapes: readonly Shape[], nativePx: number, cellPx: number, ratio: number): Format {
  const width = nativePx * ratio;
  const wholePx = Math.ceil(width / cellPx) * cellPx;
  const left = (wholePx - width) / 2;
  const spread = 1 + spreadShare * (ratio - 1);
  const moved = boxes.map(({ x, y, side }, k) => {
    const room = edgePx + (side * (shapes[k]?.aspectWidth ?? 1)) / 2;
    return { x: clamp(wholePx / 2 + (x - nativePx / 2) * spread, left + room, left + width - room), y, side };
  });
  return { boxes: moved, window: { left, top: 0, width, height: nativePx }, widthPx: wholePx };
}

/**
 * The model generates squares; formats that are not generated in several are cut out of one. The boxes are known before generation, so they are moved and shrunk
 * until the window holds them: nothing that was asked for is cut off.
 */
export function fitToFormat(boxes: readonly Box[], shapes: readonly Shape[], nativePx: number, widthPx: number, heightPx: number): Format {
  const scale = nativePx / Math.max(widthPx, heightPx);
  const width = widthPx * scale;
  const height = heightPx * scale;
  const union = unionOf(boxes, shapes, nativePx);
  const shrink = Math.min(1, (width - 2 * edgePx) / union.width, (height - 2 * edgePx) / union.height);
  const centreX = union.left + union.width / 2;
  const centreY = union.top + union.height / 2;
  const fitted = boxes.map(({ x, y, side }) => ({
    x: centreX + (x - centreX) * shrink,
    y: centreY + (y - centreY) * shrink,
    side: Math.max(Math.min(side, sidePxMin), side * shrink),
  }));
  const left = clamp(centreX - width / 2, 0, nativePx - width);
  const top = clamp(centreY - height / 2, 0, nativePx - height);
  return { boxes: fitted, window: { left, top, width, height }, widthPx: nativePx };
}

/** Moves things, together, into a part of the picture: `fills` makes them as large as it allows, else they only shrink when they must. */
export function movedInto(
  boxes: readonly Box[],
  shapes: readonly Shape[],
  { left, top, width, height }: Rectangle,
  nativePx: number,
  fills: boolean,
  share = filledShare,
): Box[] {
  const union = unionOf(boxes, shapes, nativePx);
  const fitting = Math.min((width * share) / union.width, (height * share) / union.height);
  const scale = fills ? fitting : Math.min(1, fitting);
  const [halfWidth, halfHeight] = [(union.width * scale) / 2, (union.height * scale) / 2];
  const from = { x: union.left + union.width / 2, y: union.top + union.height / 2 };
  const to = {
    x: clamp(from.x, left + halfWidth, left + width - halfWidth),
    y: clamp(from.y, top + halfHeight, top + height - halfHeight),
  };
  return boxes.map(({ x, y, side }) => ({ x: to.x + (x - from.x) * scale, y: to.y + (y - from.y) * scale, side: side * scale }));
}

/** Puts the first thing on top of the second, which hides a share of its own height of it; both shrink where the picture is too low for them. */
export function stacked(boxes: readonly Box[], shapes: readonly Shape[], overlap: number, marginPx: number): Box[] {
  const [upper, lower] = boxes;
  if (!upper || !lower) return [...boxes];
  const upperHeight = upper.side * (shapes[0]?.aspectHeight ?? 1);
  const lowerHeight = lower.side * (shapes[1]?.aspectHeight ?? 1);
  const foot = lower.y + lowerHeight / 2;
  const shrink = Math.min(1, (foot - marginPx) / (upperHeight + lowerHeight * (1 - overlap)));
  const lowerY = foot - (lowerHeight * shrink) / 2;
  const upperY = foot - shrink * (lowerHeight * (1 - overlap) + upperHeight / 2);
  return [
    { x: lower.x + (upper.x - lower.x) * shrink, y: upperY, side: upper.side * shrink },
    { x: lower.x, y: lowerY, side: lower.side * shrink },
  ];
}

/** Puts the second thing to the left (-1) or the right (1) of the first, by `distance` between their centres; both move where the picture ends. */
export function placedAside(
  boxes: readonly Box[],
  shapes: readonly Shape[],
  distance: number,
  direction: number,
  nativePx: number,
  marginPx: number,
): Box[] {
  const [first, second] = boxes;
  if (!first || !second) return [...boxes];
  const moved = [
    { ...first, x: first.x - (direction * distance) / 2 },
    { ...second, x: first.x + (direction * distance) / 2 },
  ];
  return moved.map((box, k) => {
    const half = (box.side * (shapes[k]?.aspectWidth ?? 1)) / 2;
    return { ...box, x: clamp(box.x, marginPx + half, nativePx - marginPx - half) };
  });
}

function unionOf(boxes: readonly Box[], shapes: readonly Shape[], nativePx: number): Window {
  if (boxes.length === 0) return { left: nativePx / 2, top: nativePx / 2, width: 1, height: 1 };
  const half = (k: number, side: number) => ({
    w: (side * (shapes[k]?.aspectWidth ?? 1)) / 2,
    h: (side * (shapes[k]?.aspectHeight ?? 1)) / 2,
  });
  const left = Math.min(...boxes.map(({ x, side }, k) => x - half(k, side).w));
  const right = Math.max(...boxes.map(({ x, side }, k) => x + half(k, side).w));
  const top = Math.min(...boxes.map(({ y, side }, k) => y - half(k, side).h));
  const bottom = Math.max(...boxes.map(({ y, side }, k) => y + half(k, side).h));
  return { left, top, width: right - left, height: bottom - top };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
