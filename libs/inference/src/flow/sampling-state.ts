import path from 'node:path';
import type { PaintBatch, PaintRequest } from '../diffusion-engine.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { readInitPicture } from './pictures/native-square.js';
import type { Subject } from './prompt/prompt-reader.js';
import { captionWords, encodeCaption } from './prompt/caption.js';
import { type Actor, actorOf, condition, type Conditions, type Thing } from './conditioning.js';
import { type Guides, steersOf } from './guidance/guides.js';
import { sampleBoxes } from './layout/boxes.js';
import { KnownPart } from './pictures/inpainting.js';
import { type Box, clamp, fitToFormat, type Format, movedInto, spreadToFormat, type Window } from './layout/layout.js';
import type { Model } from './model.js';
import type { Planes } from './pictures/pictures.js';
import { drawPose, upright } from './layout/pose.js';
import type { Reference } from './subjects/reference.js';
import { Random } from './random.js';
import { advance, modelGuidance, samplerFor, stepAfter, stepTimes } from './sampler.js';
import type { Scene } from './scene.js';
import { floats, numbers, type Sessions, type Tensors } from './sessions.js';
import { type Steer, type Steering, steerContent, steerStyle } from './guidance/latent-guidance.js';
import { blended, type Extent, tileOf, tileOffsets } from './tiles.js';

const LAYOUT_STREAM = 1;
const NOISE_STREAM = 2;
const POSE_STREAM = 3;
/** Width by height: nearer to a square nothing is gained by more than one. */
const WIDE_FROM = 1.1;
/** Less of a thing than this, native pixels, and a square does without it. */
const TOLD_PX = 6;

/** What an init image leaves as it is: its latent, and the noise from which it came back. */
type Kept = { readonly part: KnownPart; readonly latent: Float32Array; readonly noise: Float32Array };
export type Steers = Steering & { readonly content: Steer | undefined; readonly style: Steer | undefined; readonly noise: Float32Array };
type Start = { readonly step: number; readonly latent: Float32Array; readonly kept: Kept | undefined };

/** All that a picture is painted from, once it has been composed; `conditions` are what the conditioning graph answered. */
export type CanvasPlan = {
  readonly times: readonly number[];
  readonly isSecondOrder: boolean;
  /** Undefined: without the unguided twin. */
  readonly guidance: number | undefined;
  readonly firstStep: number;
  readonly latent: Float32Array;
  readonly extent: Extent;
  readonly tiles: readonly Tile[];
  readonly kept: KeptPlan | undefined;
  readonly steers: Steers | undefined;
};
/** A square of the picture, and what it is painted from. */
export type Tile = { readonly left: number; readonly conditions: Conditions };
/** What an init image leaves as it is, as tensors of the latent's shape; `repainted` is 1 where it may change. */
export type KeptPlan = { readonly repainted: Float32Array; readonly latent: Float32Array; readonly noise: Float32Array };

/** One picture while it is painted: its latent and all that stays the same over the steps. */
export class Canvas {
  readonly window: Window;
  #estimate: Float32Array;
  #before: { velocity: Float32Array; length: number } | undefined;

  private constructor(
    private readonly model: Model,
    private readonly sessions: Sessions,
    /** When each step begins, and the end. */
    private readonly times: readonly number[],
    private readonly isSecondOrder: boolean,
    /** Undefined: the model was taught to do without the unguided twin. */
    private readonly guidance: number | undefined,
    private readonly adapters: Tensors,
    private readonly extent: Extent,
    private readonly tiles: readonly Tile[],
    /** Steps that an init image makes unnecessary. */
    private readonly firstStep: number,
    private readonly latent: Float32Array,
    private readonly kept: Kept | undefined,
    private readonly steers: Steers | undefined,
    window: Window,
  ) {
    this.window = window;
    this.#estimate = latent;
  }

  static async prepare(model: Model, sessions: Sessions, batch: PaintBatch, request: PaintRequest, scene: Scene, index: number): Promise<Canvas> {
    const { manifest, language } = model;
    const { reading, roles, guides, repaint, variant, adapters } = scene;
    const seed = request.seed + index;
    const captioned = (subjects: readonly Subject[]) => encodeCaption(captionWords({ ...reading, subjects }, language, manifest.slots, manifest.text.tokens), model.vocabulary, manifest.slots, manifest.text);
    const caption = captioned(roles.map(({ subject }) => subject));
    const negative = encodeCaption(model.reader.readNegative(request.negativePrompt), model.vocabulary, [], manifest.text);
    const actors = await Promise.all(roles.map((role) => actorOf(role, model, reading.look)));
    const references = actors.map(({ reference }) => reference);
    const isFlat = language.looks[reading.look]?.isFlat === true;
    const boxes = await sampleBoxes(manifest, sessions, caption, references, isFlat, reading.relation, new Random(seed, LAYOUT_STREAM));
    const format = formatOf(manifest, batch, request, guides, boxes, references);
    const part = repaint && (await KnownPart.of(repaint, manifest.nativeSidePx, manifest.latent.sidePx, format.window));
    const placed = placedBy(part, guides, format, references, manifest.nativeSidePx);
    const random = new Random(seed, POSE_STREAM);
    const poseOf = ({ reference }: Actor) => (manifest.poses ? drawPose(manifest.poses, reference.canMirror, random) : upright);
    const things = actors.map((actor, k) => ({ ...actor, box: placed[k], pose: guides.leads ? upright : poseOf(actor) }));
    const { channels, sidePx } = manifest.latent;
    const cellPx = manifest.nativeSidePx / sidePx;
    const extent = { sideCells: sidePx, widthCells: format.widthPx / cellPx };
    const tiles: Tile[] = [];
    for (const left of tileOffsets(extent, manifest.tiles?.overlapCells ?? 0)) {
      const here = things.flatMap((thing, k) => (isWithin(thing, left * cellPx, manifest.nativeSidePx) ? [{ subject: roles[k]?.subject, ...thing, box: thing.box && { ...thing.box, x: thing.box.x - left * cellPx } }] : []));
      const said = here.length === things.length ? caption : captioned(here.flatMap(({ subject }) => (subject ? [subject] : [])));
      tiles.push({ left, conditions: await condition(model, sessions, { caption: said, negative, things: here, guides, window: format.window, rows: variant.distilled ? 1 : 2 }) });
    }
    const noise = new Random(seed, NOISE_STREAM).normals(channels * sidePx * extent.widthCells);
    const sampler = samplerFor(manifest, variant, batch.steps);
    const times = stepTimes(batch.steps, sampler);
    const start = await startOf(model, sessions, request, part, format.window, times, noise);
    const steers = manifest.steering && { ...(await steersOf(guides, manifest, sessions, format.window)), ...manifest.steering, noise: noise.slice() };
    return new Canvas(model, sessions, times, sampler.order === 2, variant.distilled ? undefined : modelGuidance(manifest, batch.guidanceScale), adapters, extent, tiles, start.step, start.latent, start.kept, steers, format.window);
  }

  /** For somebody else to paint it. */
  get plan(): CanvasPlan {
    const { times, isSecondOrder, guidance, firstStep, latent, extent, tiles, kept, steers } = this;
    return { times, isSecondOrder, guidance, firstStep, latent, extent, tiles, kept: kept && { repainted: kept.part.repainted(latent.length), latent: kept.latent, noise: kept.noise }, steers };
  }

  /** From noise at time 1 to the picture at 0, with classifier-free guidance. */
  async step(step: number): Promise<void> {
    if (step < this.firstStep) return;
    const time = this.times[step] ?? 0;
    const parts: { left: number; values: Float64Array }[] = [];
    for (const tile of this.tiles) parts.push({ left: tile.left, values: await this.#velocity(tile, time) });
    const guided = blended(parts, this.extent);
    this.#estimate = this.latent.map((value, k) => value - time * (guided[k] ?? 0));
    const done = { velocity: Float32Array.from(guided), length: time - (this.times[step + 1] ?? 0) };
    advance(this.latent, done, this.#before);
    this.#steer(this.times[step + 1] ?? 0);
    this.kept?.part.restore(this.latent, this.kept.latent, this.kept.noise, this.times[step + 1] ?? 0);
    this.#before = this.isSecondOrder ? done : undefined;
  }

  /** Guided, of one square, in double precision. */
  async #velocity(tile: Tile, time: number): Promise<Float64Array> {
    const { graphs, latent, folder } = this.model.manifest;
    const { denoiser } = graphs;
    const here = tileOf(this.latent, this.extent, tile.left);
    const scale = this.guidance;
    const rows = scale === undefined ? 1 : 2;
    const latents = new Float32Array(rows * here.length);
    for (let row = 0; row < rows; row += 1) latents.set(here, row * here.length);
    const inputs = { latent: floats(latents, rows, latent.channels, latent.sidePx, latent.sidePx), time: floats(new Float32Array(rows).fill(time), rows), ...tile.conditions };
    const { velocity } = await this.sessions.run(path.join(folder, denoiser.file), denoiser, inputs, this.adapters);
    const v = numbers(velocity);
    return Float64Array.from(here, (_, k) => {
      const unguided = v[here.length + k] ?? 0;
      return scale === undefined ? (v[k] ?? 0) : unguided + scale * ((v[k] ?? 0) - unguided);
    });
  }

  #steer(time: number): void {
    if (!this.steers) return;
    const { content, style, contentUntil, contentCells, styleUntil, noise } = this.steers;
    const { sidePx } = this.model.manifest.latent;
    if (style && time >= styleUntil) steerStyle(this.latent, this.#estimate, style, time, this.times.length - 1, sidePx * sidePx);
    if (content && time >= contentUntil) steerContent(this.latent, content, noise, time, this.times.length - 1, sidePx, contentCells);
  }

  /** The picture as it would be if the flow went straight on from here: for previews. */
  preview(): Promise<Planes> {
    return this.#decoded(this.#estimate);
  }

  picture(): Promise<Planes> {
    return this.#decoded(this.latent);
  }

  async #decoded(latent: Float32Array): Promise<Planes> {
    const { folder, graphs: { decoder }, latent: { channels, sidePx }, nativeSidePx } = this.model.manifest;
    const { widthCells } = this.extent;
    const { picture } = await this.sessions.run(path.join(folder, decoder.file), decoder, { latent: floats(latent, 1, channels, sidePx, widthCells) });
    return { widthPx: (widthCells * nativeSidePx) / sidePx, heightPx: nativeSidePx, data: numbers(picture).map((value) => (value + 1) / 2) };
  }
}

/** Wide pictures that nothing but words and characters guides are painted in several squares; what lies over a picture has its place in one. */
function formatOf({ tiles, nativeSidePx, latent }: Manifest, { widthPx, heightPx }: PaintBatch, { initImage }: PaintRequest, { edges, depth, content, style }: Guides, boxes: readonly Box[], references: readonly Reference[]): Format {
  const ratio = widthPx / heightPx;
  const isWide = tiles !== undefined && ratio >= WIDE_FROM && ratio <= tiles.maxRatio;
  if (!isWide || initImage || edges || depth || content || style) return fitToFormat(boxes, references, nativeSidePx, widthPx, heightPx);
  return spreadToFormat(boxes, references, nativeSidePx, nativeSidePx / latent.sidePx, ratio);
}

/** Enough of a thing to be told in the square that begins at `left`. */
function isWithin({ box, reference: { aspectWidth } }: Thing, left: number, nativePx: number): boolean {
  if (!box) return true;
  const half = (box.side * aspectWidth) / 2;
  return box.x + half > left + TOLD_PX && box.x - half < left + nativePx - TOLD_PX;
}

/** Noise; or, with an init image, the point of the straight path between its latent and the noise from which the remaining steps lead. */
async function startOf(model: Model, sessions: Sessions, { initImage }: PaintRequest, part: KnownPart | undefined, window: Window, times: readonly number[], noise: Float32Array): Promise<Start> {
  const { folder, nativeSidePx, graphs } = model.manifest;
  if (!initImage || !graphs.encoder) return { step: 0, latent: noise, kept: undefined };
  const step = stepAfter(times, clamp(initImage.strength, 0, 1));
  const picture = part?.picture ?? (await readInitPicture(initImage.bytes, nativeSidePx, window));
  if (step === 0 && !part) return { step, latent: noise, kept: undefined };
  const encoded = await sessions.run(path.join(folder, graphs.encoder.file), graphs.encoder, { picture: floats(picture, 1, 3, nativeSidePx, nativeSidePx) });
  const known = numbers(encoded.latent);
  const time = times[step] ?? 0;
  const latent = noise.map((value, k) => time * value + (1 - time) * (known[k] ?? 0));
  return { step, latent, kept: part && { part, latent: known, noise } };
}

/** What is to be repainted decides where the things go; else a guide that shows them; else the layout. */
function placedBy(part: KnownPart | undefined, { place }: Guides, { boxes, window }: { boxes: Box[]; window: Window }, references: readonly Reference[], nativePx: number): Box[] {
  if (part) {
    const { rectangle, isSmall } = part.room();
    return movedInto(boxes, references, rectangle, nativePx, isSmall);
  }
  return place ? movedInto(boxes, references, { ...place, left: window.left + place.left, top: window.top + place.top }, nativePx, true, 1) : boxes;
}
