import path from 'node:path';
import type { Manifest } from '@tessera/models/manifest.js';
import type { Caption } from '../prompt/caption.js';
import type { Relation } from '../prompt/language.js';
import { type Box, clamp, placedAside, stacked } from './layout.js';
import type { Random } from '../random.js';
import type { Reference } from '../subjects/reference.js';
import { floats, integers, numbers, type Sessions } from '../sessions.js';

/**
 * Where each thing stands: a Gaussian that the layout graph predicts over centre (in quarters of the picture) and logarithm of the side.
 * It knows each one's deviation by itself, so that one thing on another is moved there.
 */
export async function sampleBoxes(
  manifest: Manifest,
  sessions: Sessions,
  caption: Caption,
  references: readonly Reference[],
  isFlat: boolean,
  relation: Relation | undefined,
  random: Random,
): Promise<Box[]> {
  const graph = manifest.graphs.layout;
  const count = references.length;
  if (count === 0) return [];
  const shapes = references.flatMap(({ aspectWidth, aspectHeight, floats: hangs }) => [
    aspectWidth,
    aspectHeight,
    Number(hangs),
    Number(isFlat),
    count - 1,
  ]);
  const { mean, logDeviation } = await sessions.run(path.join(manifest.folder, graph.file), graph, {
    tokens: integers(caption.tokens, 1, caption.tokens.length),
    slots: integers(BigInt64Array.from(caption.slotPositions, BigInt), 1, count),
    shapes: floats(Float32Array.from(shapes), 1, count, shapes.length / count),
  });
  const { spread, minSidePx, maxSidePx, marginPx } = manifest.box;
  const native = manifest.nativeSidePx;
  const boxes = references.map(({ aspectWidth, aspectHeight }, slot) => {
    const drawn = [0, 1, 2].map(
      (k) => (numbers(mean)[slot * 3 + k] ?? 0) + Math.exp(numbers(logDeviation)[slot * 3 + k] ?? 0) * random.normal() * spread,
    );
    const [x = 0, y = 0, logSide = 0] = drawn;
    const side = clamp(Math.exp(logSide / 2) * (native / 2), minSidePx, maxSidePx);
    const within = (centre: number, half: number) => clamp((centre / 4 + 0.5) * native, marginPx + half, native - marginPx - half);
    return { x: within(x, (side * aspectWidth) / 2), y: within(y, (side * aspectHeight) / 2), side };
  });
  if (relation?.overlap !== undefined) return stacked(boxes, references, relation.overlap, marginPx);
  if (relation?.aside !== undefined)
    return placedAside(boxes, references, relation.aside * native, random.uniform() < 0.5 ? -1 : 1, native, marginPx);
  return boxes;
}
