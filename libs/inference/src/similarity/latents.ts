import path from 'node:path';
import type { Manifest } from '@tessera/models/manifest.js';
import { internal } from '@tessera/platform/errors.js';
import { floats, numbers, type Sessions } from '../flow/sessions.js';
import { alphaOf, type Frame } from './frames.js';

/** What an encoder says of a frame, before a grey ground: `[channels, side, side]`, and how much of each cell the thing covers. */
export type Latents = { readonly sidePx: number; readonly values: Float32Array; readonly covers: Float32Array };

const grey = 0.5;

/** Frames must be as large as the model's native square. */
export async function latentsOf(frame: Frame, { folder, graphs: { encoder }, latent }: Manifest, sessions: Sessions): Promise<Latents> {
  if (!encoder) throw internal('broken_model', 'The model that measures has no encoder.');
  const { planes, sidePx } = frame;
  const area = sidePx * sidePx;
  const alpha = alphaOf(frame);
  const picture = Float32Array.from({ length: 3 * area }, (_, at) => 2 * ((planes[at] ?? 0) + grey * (1 - (alpha[at % area] ?? 0))) - 1);
  const { latent: values } = await sessions.run(path.join(folder, encoder.file), encoder, {
    picture: floats(picture, 1, 3, sidePx, sidePx),
  });
  const cellPx = sidePx / latent.sidePx;
  const covers = new Float32Array(latent.sidePx ** 2);
  for (let pixel = 0; pixel < area; pixel += 1) {
    const cell = Math.floor(pixel / sidePx / cellPx) * latent.sidePx + Math.floor((pixel % sidePx) / cellPx);
    covers[cell] = (covers[cell] ?? 0) + (alpha[pixel] ?? 0) / cellPx ** 2;
  }
  return { sidePx: latent.sidePx, values: numbers(values), covers };
}

/** Cosine of what two things add to the plain ground, over the cells between two rows that either covers; from 0 to 1. */
export function latentLikeness(a: Latents, b: Latents, ground: Latents, fromRow = 0, toRow = a.sidePx): number {
  const cells = a.sidePx ** 2;
  let [dot, normA, normB] = [0, 0, 0];
  for (let at = 0; at < a.values.length; at += 1) {
    const cell = at % cells;
    const row = Math.floor(cell / a.sidePx);
    if (row < fromRow || row >= toRow) continue;
    const weight = Math.max(a.covers[cell] ?? 0, b.covers[cell] ?? 0);
    const [inA, inB] = [(a.values[at] ?? 0) - (ground.values[at] ?? 0), (b.values[at] ?? 0) - (ground.values[at] ?? 0)];
    dot += weight * inA * inB;
    normA += weight * inA * inA;
    normB += weight * inB * inB;
  }
  return normA === 0 || normB === 0 ? 0 : Math.max(0, dot / Math.sqrt(normA * normB));
}
