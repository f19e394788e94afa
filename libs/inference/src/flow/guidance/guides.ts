import path from 'node:path';
import type { GuidanceInput } from '../../diffusion-engine.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { readGuidance } from '../../pictures/read-guidance.js';
import type { Rectangle, Window } from '../layout/layout.js';
import { boundsOfLevels, matteOf } from '../subjects/matting.js';
import { floats, numbers, type Sessions } from '../sessions.js';
import type { LatentGuide } from './latent-guidance.js';

/** Pictures are read at so many times the native size and averaged: that keeps thin lines, as the training did. */
const oversampling = 4;
/** Gradient at which an edge begins, and over which it becomes a full one; the training's. */
const edgeFrom = 0.05;
const edgeOver = 0.2;
/** Two filters of three pixels one after the other look this far. */
const edgeReachPx = 2;
/** A guide of this strength says where things are: boxes follow it, and things stand upright. */
const leadsFrom = 0.5;
/** Matte from which a pixel belongs to the thing. */
const subjectFrom = 128;
/** Of the nearest pixel, from which a pixel belongs to the near part. */
const nearShare = 0.75;
/** Edges that are far from the others, at either end, are the background's. */
const outlyingShare = 0.1;

export type Picture = {
  readonly widthPx: number;
  readonly heightPx: number;
  /** `[3, height, width]` in 0..1. */ readonly planes: Float32Array;
};
type Guide = { readonly picture: Picture; readonly strength: number };

/** The pictures that guide a request, read once for all of its images; characters are things and stand in `subjects/`. */
export type Guides = {
  readonly edges: Guide | undefined;
  readonly depth: Guide | undefined;
  readonly content: Guide | undefined;
  /** Squeezed for the conditioning graph, and whole. */
  readonly style: { readonly planes: Float32Array; readonly strength: number; readonly whole: Guide | undefined } | undefined;
  /** A guide determines how the things stand, so no poses are drawn. */
  readonly leads: boolean;
  /** Where it shows them, if that can be determined, in native pixels of the window. */
  readonly place: Rectangle | undefined;
};

export const noGuides: Guides = {
  edges: undefined,
  depth: undefined,
  content: undefined,
  style: undefined,
  leads: false,
  place: undefined,
};

export async function readGuides(
  guidance: readonly GuidanceInput[],
  manifest: Manifest,
  sessions: Sessions,
  { widthPx, heightPx }: { widthPx: number; heightPx: number },
): Promise<Guides> {
  if (guidance.length === 0) return noGuides;
  const { nativeSidePx, styleSidePx } = manifest;
  const scale = nativeSidePx / Math.max(widthPx, heightPx);
  const [width, height] = [Math.max(1, Math.round(widthPx * scale)), Math.max(1, Math.round(heightPx * scale))];
  const read = async (kind: GuidanceInput['kind']): Promise<Guide | undefined> => {
    const input = guidance.find((each) => each.kind === kind && each.strength > 0);
    return input && { picture: await readAveraged(input, width, height), strength: input.strength };
  };
  const style = guidance.find(({ kind, strength }) => kind === 'style' && strength > 0);
  const [edges, depth, content] = await Promise.all([read('edges'), read('depth'), read('content')]);
  const leading = [depth, edges, content].find((guide) => guide && guide.strength >= leadsFrom);
  // Latent guidance moves things to where they are in the picture; their poses are still drawn.
  const leads = leading !== undefined && !(leading === content && manifest.steering);
  return {
    edges,
    depth,
    content,
    leads,
    place: leading && (leading === depth ? nearPart(leading.picture) : await subjectOf(leading.picture, manifest, sessions)),
    style: style && {
      planes: signed((await readAveraged(style, styleSidePx, styleSidePx, 'fill')).planes),
      strength: style.strength,
      whole: manifest.steering && (await read('style')),
    },
  };
}

async function readAveraged(input: GuidanceInput, widthPx: number, heightPx: number, fit: 'cover' | 'fill' = 'cover'): Promise<Picture> {
  const wide = widthPx * oversampling;
  const pixels = await readGuidance(input, (picture) =>
    picture
      .flatten({ background: '#ffffff' })
      .resize(wide, heightPx * oversampling, { fit })
      .removeAlpha()
      .raw()
      .toBuffer(),
  );
  const area = widthPx * heightPx;
  const planes = new Float32Array(3 * area);
  const share = 1 / (255 * oversampling * oversampling);
  pixels.forEach((value, at) => {
    const pixel = Math.floor(at / 3);
    const to = (at % 3) * area + Math.floor(Math.floor(pixel / wide) / oversampling) * widthPx + Math.floor((pixel % wide) / oversampling);
    planes[to] = (planes[to] ?? 0) + value * share;
  });
  return { widthPx, heightPx, planes };
}

const signed = (planes: Float32Array): Float32Array => planes.map((value) => value * 2 - 1);

/**
 * `[height, width]` in 0..1: the strongest of the three colours' Sobel gradients (https://en.wikipedia.org/wiki/Sobel_operator), after a (1 2 1)/4 blur both ways.
 * The training draws its edges like this.
 */
export function edgesOf({ widthPx, heightPx, planes }: Picture): Float32Array {
  const edges = new Float32Array(widthPx * heightPx);
  const wide = widthPx + 2 * edgeReachPx;
  const high = heightPx + 2 * edgeReachPx;
  for (let channel = 0; channel < 3; channel += 1) {
    const padded = Float32Array.from({ length: wide * high }, (_, at) => {
      const x = Math.min(widthPx - 1, Math.max(0, (at % wide) - edgeReachPx));
      const y = Math.min(heightPx - 1, Math.max(0, Math.floor(at / wide) - edgeReachPx));
      return planes[(channel * heightPx + y) * widthPx + x] ?? 0;
    });
    const across = (from: Float32Array, kernel: Kernel) => filtered(from, 1, kernel);
    const down = (from: Float32Array, kernel: Kernel) => filtered(from, wide, kernel);
    const smooth = down(across(padded, blurKernel), blurKernel);
    const gradients = [down(across(smooth, differenceKernel), blurKernel), across(down(smooth, differenceKernel), blurKernel)] as const;
    for (let pixel = 0; pixel < edges.length; pixel += 1) {
      const at = (Math.floor(pixel / widthPx) + edgeReachPx) * wide + (pixel % widthPx) + edgeReachPx;
      edges[pixel] = Math.max(edges[pixel] ?? 0, Math.hypot(gradients[0][at] ?? 0, gradients[1][at] ?? 0));
    }
  }
  return edges.map((magnitude) => Math.min(1, Math.max(0, (magnitude - edgeFrom) / edgeOver)));
}

type Kernel = readonly [number, number, number];
const blurKernel: Kernel = [0.25, 0.5, 0.25];
const differenceKernel: Kernel = [-1, 0, 1];

/** Along one direction; what it makes of the outermost pixels is cut off later. */
const filtered = (from: Float32Array, stride: number, [before, here, after]: Kernel): Float32Array =>
  from.map((value, at) => before * (from[at - stride] ?? 0) + here * value + after * (from[at + stride] ?? 0));

/** `[height, width]` in 0..1: how light the map is. */
function depthOf({ planes }: Picture): Float32Array {
  const area = planes.length / 3;
  return Float32Array.from(
    { length: area },
    (_, pixel) => ((planes[pixel] ?? 0) + (planes[area + pixel] ?? 0) + (planes[2 * area + pixel] ?? 0)) / 3,
  );
}

/** Nearly as near as the nearest: the ground rises towards it, too. */
function nearPart(picture: Picture): Rectangle | undefined {
  const depth = depthOf(picture);
  const nearest = depth.reduce((most, value) => Math.max(most, value), 0);
  return nearest > 0 ? boundsOfLevels(depth, picture.widthPx, nearest * nearShare) : undefined;
}

/** By the matting head; without one, where most of the edges are. */
async function subjectOf(picture: Picture, manifest: Manifest, sessions: Sessions): Promise<Rectangle | undefined> {
  const { widthPx, heightPx, planes } = picture;
  const area = widthPx * heightPx;
  const data = Uint8Array.from({ length: 3 * area }, (_, at) => Math.round(255 * (planes[(at % 3) * area + Math.floor(at / 3)] ?? 0)));
  const matte = await matteOf({ data, widthPx, heightPx }, manifest, sessions);
  if (matte) return boundsOfLevels(matte, widthPx, subjectFrom);
  const edges = edgesOf(picture);
  const [left, right] = middleOf(Float64Array.from({ length: widthPx }, (_, x) => sumOf(heightPx, (y) => edges[y * widthPx + x] ?? 0)));
  const [top, bottom] = middleOf(Float64Array.from({ length: heightPx }, (_, y) => sumOf(widthPx, (x) => edges[y * widthPx + x] ?? 0)));
  return right > left && bottom > top ? { left, top, width: right - left, height: bottom - top } : undefined;
}

const sumOf = (count: number, value: (k: number) => number): number =>
  Array.from({ length: count }, (_, k) => value(k)).reduce((sum, each) => sum + each, 0);

/** Between which places most of a mass lies. */
function middleOf(mass: Float64Array): [number, number] {
  const whole = mass.reduce((sum, value) => sum + value, 0);
  let before = 0;
  let [from, to] = [0, 0];
  mass.forEach((value, k) => {
    if (before <= whole * outlyingShare) from = k;
    before += value;
    if (before <= whole * (1 - outlyingShare)) to = k + 1;
  });
  return whole > 0 ? [from, to] : [0, 0];
}

/** Lays planes of the window's size into the native square; outside of it, the edge goes on or nothing is. */
function intoSquare(
  planes: Float32Array,
  { widthPx, heightPx }: Picture,
  nativePx: number,
  window: Window,
  outside: 'nothing' | 'edge',
): Float32Array {
  const left = Math.min(Math.round(window.left), nativePx - widthPx);
  const top = Math.min(Math.round(window.top), nativePx - heightPx);
  const channels = planes.length / (widthPx * heightPx);
  return Float32Array.from({ length: channels * nativePx * nativePx }, (_, at) => {
    const x = (at % nativePx) - left;
    const y = (Math.floor(at / nativePx) % nativePx) - top;
    const isInside = x >= 0 && x < widthPx && y >= 0 && y < heightPx;
    if (!isInside && outside === 'nothing') return 0;
    const channel = Math.floor(at / (nativePx * nativePx));
    return planes[(channel * heightPx + Math.min(heightPx - 1, Math.max(0, y))) * widthPx + Math.min(widthPx - 1, Math.max(0, x))] ?? 0;
  });
}

/** The pictures that guide the latent, at their places in the native square. */
export async function latentGuidanceOf(
  { content, style }: Guides,
  manifest: Manifest,
  sessions: Sessions,
  window: Window,
): Promise<{ readonly content: LatentGuide | undefined; readonly style: LatentGuide | undefined }> {
  const inLatent = async (guide: Guide | undefined) =>
    guide && { latent: await latentOf(guide, manifest, sessions, window), strength: guide.strength };
  return manifest.steering
    ? { content: await inLatent(content), style: await inLatent(style?.whole) }
    : { content: undefined, style: undefined };
}

const latentOf = ({ picture }: Guide, manifest: Manifest, sessions: Sessions, window: Window) =>
  encode(intoSquare(signed(picture.planes), picture, manifest.nativeSidePx, window, 'edge'), manifest, sessions);

/** The guides as the conditioning graph takes them: the same pictures for every row, as strongly as the request says for what was asked and by `twinFollows` of that for its unconditional branch. */
export async function guideTensors(guides: Guides, manifest: Manifest, sessions: Sessions, window: Window, rows: number) {
  const { nativeSidePx: native, latent, styleSidePx } = manifest;
  const { edges, depth, content, style } = guides;
  const area = native * native;
  const maps = new Float32Array(2 * area);
  if (edges) maps.set(intoSquare(edgesOf(edges.picture), edges.picture, native, window, 'nothing'));
  if (depth) maps.set(intoSquare(depthOf(depth.picture), depth.picture, native, window, 'nothing'), area);
  const contentInput = content
    ? await latentOf(content, manifest, sessions, window)
    : new Float32Array(latent.channels * latent.sidePx ** 2);
  const styleInput = style?.planes ?? new Float32Array(3 * styleSidePx * styleSidePx);
  // A guide that is weaker in the unconditional branch is amplified by guidance, as the caption is.
  const strengths = (...given: number[]) =>
    Float32Array.from(
      { length: rows * given.length },
      (_, k) => (given[k % given.length] ?? 0) * (k < given.length ? 1 : manifest.guidance.twinFollows),
    );
  return {
    guides: floats(repeated(maps, rows), rows, 2, native, native),
    guideStrengths: floats(strengths(edges?.strength ?? 0, depth?.strength ?? 0), rows, 2),
    content: floats(repeated(contentInput, rows), rows, latent.channels, latent.sidePx, latent.sidePx),
    contentStrength: floats(strengths(content?.strength ?? 0), rows),
    style: floats(repeated(styleInput, rows), rows, 3, styleSidePx, styleSidePx),
    styleStrength: floats(strengths(style?.strength ?? 0), rows),
  };
}

async function encode(
  picture: Float32Array,
  { folder, graphs: { encoder }, nativeSidePx }: Manifest,
  sessions: Sessions,
): Promise<Float32Array> {
  if (!encoder) throw new Error('The manifest offers content guidance without an encoder');
  const encoded = await sessions.run(path.join(folder, encoder.file), encoder, {
    picture: floats(picture, 1, 3, nativeSidePx, nativeSidePx),
  });
  return numbers(encoded.latent);
}

function repeated(values: ArrayLike<number>, rows: number): Float32Array {
  const all = new Float32Array(rows * values.length);
  for (let row = 0; row < rows; row += 1) all.set(values, row * values.length);
  return all;
}
