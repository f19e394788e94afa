import { colourHistogram, intersection } from './colours.js';
import { alphaOf, type Frame } from './frames.js';
import { latentLikeness, type Latents } from './latents.js';
import { huLikeness, huMoments } from './silhouette.js';

/** A thing in one pose, as far as facets ask for it. */
export type View = {
  readonly frame: Frame;
  readonly latents: Latents;
  readonly colours: Float64Array;
  readonly headColours: Float64Array;
  /** Where its head ends, from above. */
  readonly headToRow: number;
  readonly hu: readonly number[];
};

/** The share of a thing's height that counts as its head. */
const headShare = 0.45;

/**
 * Where pictures of the same character and of others are told apart best: the raw value that becomes 0.5. Found on pictures of twelve bank concepts in four scenes
 * (`bench/src/characters.ts`, tuning); 0 stays 0, and 1 stays 1.
 */
const evenAt = { head: 0.32, colours: 0.5, body: 0.42 } as const;

export type RawFacets = { readonly head: number; readonly colours: number; readonly body: number };

export function viewOf(frame: Frame, latents: Latents): View {
  const head = headRows(frame);
  return {
    frame,
    latents,
    colours: colourHistogram(frame),
    headColours: colourHistogram(frame, head.from, head.to),
    headToRow: head.to,
    hu: huMoments(frame),
  };
}

export function rawFacets(reference: View, picture: View, ground: Latents): RawFacets {
  const cellPx = picture.frame.sidePx / ground.sidePx;
  const headCells = Math.max(1, Math.round((reference.headToRow + picture.headToRow) / 2 / cellPx));
  const ratio = reference.frame.heightPerWidth / picture.frame.heightPerWidth;
  return {
    head:
      0.5 * latentLikeness(reference.latents, picture.latents, ground, 0, headCells) +
      0.5 * intersection(reference.headColours, picture.headColours),
    colours: intersection(reference.colours, picture.colours),
    body:
      0.6 * latentLikeness(reference.latents, picture.latents, ground) +
      0.25 * overlap(reference.frame, picture.frame) +
      0.1 * Math.min(ratio, 1 / ratio) +
      0.05 * huLikeness(reference.hu, picture.hu),
  };
}

/** From 0 to 1, 0.5 where it is as likely the same as another one. */
export const calibrated = (facet: keyof RawFacets, raw: number): number => {
  const even = evenAt[facet];
  const score = raw < even ? (0.5 * raw) / even : 0.5 + (0.5 * (raw - even)) / (1 - even);
  return Math.min(1, Math.max(0, score));
};

/** The share of what either covers that both cover. */
export function overlap(a: Frame, b: Frame): number {
  const [alphaA, alphaB] = [alphaOf(a), alphaOf(b)];
  let both = 0;
  let either = 0;
  for (let pixel = 0; pixel < alphaA.length; pixel += 1) {
    const [inA, inB] = [alphaA[pixel] ?? 0, alphaB[pixel] ?? 0];
    both += Math.min(inA, inB);
    either += Math.max(inA, inB);
  }
  return either === 0 ? 0 : both / either;
}

function headRows(frame: Frame): { from: number; to: number } {
  const alpha = alphaOf(frame);
  const first = alpha.findIndex((value) => value > 0);
  const last = alpha.findLastIndex((value) => value > 0);
  const [top, bottom] = [Math.floor(Math.max(0, first) / frame.sidePx), Math.floor(Math.max(0, last) / frame.sidePx) + 1];
  return { from: top, to: Math.max(top + 1, Math.round(top + headShare * (bottom - top))) };
}
