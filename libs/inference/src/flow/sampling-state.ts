import path from 'node:path';
import type { GenerateBatch, GenerateRequest } from '../diffusion-engine.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { readInitPicture } from './pictures/native-square.js';
import type { PromptSubject } from './prompt/prompt-reader.js';
import { captionWords, encodeCaption } from './prompt/caption.js';
import { type Subject, subjectOf, condition, type Conditions, type PlacedSubject } from './conditioning.js';
import { type Guides, latentGuidanceOf } from './guidance/guides.js';
import { sampleBoxes } from './layout/boxes.js';
import { KnownRegion } from './pictures/inpainting.js';
import { type Box, clamp, fitToFormat, type Format, movedInto, spreadToFormat, type Window } from './layout/layout.js';
import type { Model } from './model.js';
import type { Planes } from './pictures/pictures.js';
import { drawPose, upright } from './layout/pose.js';
import type { Reference } from './subjects/reference.js';
import { Random } from './random.js';
import { advance, modelGuidance, samplerFor, stepAfter, stepTimes } from './sampler.js';
import type { Scene } from './scene.js';
import { floats, numbers, type Sessions, type Tensors } from './sessions.js';
import { type LatentGuide, type LatentGuidanceSettings, guideContent, guideStyle } from './guidance/latent-guidance.js';
import { blended, type Extent, tileOf, tileOffsets } from './tiles.js';

const layoutStream = 1;
const noiseStream = 2;
const poseStream = 3;
/** Width by height: below this ratio one square is enough. */
const wideFrom = 1.1;
/** A square whose part of a thing is smaller than this, in native pixels, does not name it. */
const visiblePxMin = 6;

/** What an init image leaves as it is: its latent, and the noise from which it came back. */
type Kept = { readonly region: KnownRegion; readonly latent: Float32Array; readonly noise: Float32Array };
export type LatentGuidance = LatentGuidanceSettings & {
  readonly content: LatentGuide | undefined;
  readonly style: LatentGuide | undefined;
  readonly noise: Float32Array;
};
type Start = { readonly step: number; readonly latent: Float32Array; readonly kept: Kept | undefined };

/** All that a picture is generated from, once it has been composed; `conditions` are what the conditioning graph answered. */
export type SamplingPlan = {
  readonly times: readonly number[];
  readonly isSecondOrder: boolean;
  /** Undefined: without the unconditional branch. */
  readonly guidance: number | undefined;
  readonly firstStep: number;
  readonly latent: Float32Array;
  readonly extent: Extent;
  readonly tiles: readonly Tile[];
  readonly kept: KeptPlan | undefined;
  readonly latentGuidance: LatentGuidance | undefined;
};
/** A square of the picture, and what it is generated from. */
export type Tile = { readonly left: number; readonly conditions: Conditions };
/** What an init image leaves as it is, as tensors of the latent's shape; `inpainted` is 1 where it may change. */
export type KeptPlan = { readonly inpainted: Float32Array; readonly latent: Float32Array; readonly noise: Float32Array };

/** One picture while it is generated: its latent and all that stays the same over the steps. */
export class SamplingState {
  readonly window: Window;
  #estimate: Float32Array;
  #before: { velocity: Float32Array; length: number } | undefined;

  private constructor(
    private readonly model: Model,
    private readonly sessions: Sessions,
    /** When each step begins, and the end. */
    private readonly times: readonly number[],
    private readonly isSecondOrder: boolean,
    /** Undefined: a distilled model, which has no unconditional branch. */
    private readonly guidance: number | undefined,
    private readonly adapters: Tensors,
    private readonly extent: Extent,
    private readonly tiles: readonly Tile[],
    /** Steps that an init image makes unnecessary. */
    private readonly firstStep: number,
    private readonly latent: Float32Array,
    private readonly kept: Kept | undefined,
    private readonly latentGuidance: LatentGuidance | undefined,
    window: Window,
  ) {
    this.window = window;
    this.#estimate = latent;
  }

  static async prepare(
    model: Model,
    sessions: Sessions,
    batch: GenerateBatch,
    request: GenerateRequest,
    scene: Scene,
    index: number,
  ): Promise<SamplingState> {
    const { manifest, language } = model;
    const { reading, bindings, guides, inpaint, variant, adapters } = scene;
    const seed = request.seed + index;
    const captioned = (named: readonly PromptSubject[]) =>
      encodeCaption(
        captionWords({ ...reading, subjects: named }, language, manifest.slots, manifest.text.tokens),
        model.vocabulary,
        manifest.slots,
        manifest.text,
      );
    const caption = captioned(bindings.map(({ subject }) => subject));
    const negative = encodeCaption(model.reader.readNegative(request.negativePrompt), model.vocabulary, [], manifest.text);
    const subjects = await Promise.all(bindings.map((binding) => subjectOf(binding, model, reading.styleVariant)));
    const references = subjects.map(({ reference }) => reference);
    const isFlat = language.looks[reading.styleVariant]?.isFlat === true;
    const boxes = await sampleBoxes(manifest, sessions, caption, references, isFlat, reading.relation, new Random(seed, layoutStream));
    const format = formatOf(manifest, batch, request, guides, boxes, references);
    const region = inpaint && (await KnownRegion.of(inpaint, manifest.nativeSidePx, manifest.latent.sidePx, format.window));
    const placed = placedBy(region, guides, format, references, manifest.nativeSidePx);
    const random = new Random(seed, poseStream);
    const poseOf = ({ reference }: Subject) => (manifest.poses ? drawPose(manifest.poses, reference.canMirror, random) : upright);
    const placedSubjects = subjects.map((subject, k) => ({ ...subject, box: placed[k], pose: guides.leads ? upright : poseOf(subject) }));
    const { channels, sidePx } = manifest.latent;
    const cellPx = manifest.nativeSidePx / sidePx;
    const extent = { sideCells: sidePx, widthCells: format.widthPx / cellPx };
    const tiles: Tile[] = [];
    for (const left of tileOffsets(extent, manifest.tiles?.overlapCells ?? 0)) {
      const here = placedSubjects.flatMap((subject, k) =>
        isWithin(subject, left * cellPx, manifest.nativeSidePx)
          ? [{ named: bindings[k]?.subject, ...subject, box: subject.box && { ...subject.box, x: subject.box.x - left * cellPx } }]
          : [],
      );
      const hereCaption = here.length === placedSubjects.length ? caption : captioned(here.flatMap(({ named }) => (named ? [named] : [])));
      tiles.push({
        left,
        conditions: await condition(model, sessions, {
          caption: hereCaption,
          negative,
          subjects: here,
          guides,
          window: format.window,
          rows: variant.distilled ? 1 : 2,
        }),
      });
    }
    const noise = new Random(seed, noiseStream).normals(channels * sidePx * extent.widthCells);
    const sampler = samplerFor(manifest, variant, batch.steps);
    const times = stepTimes(batch.steps, sampler);
    const start = await startOf(model, sessions, request, region, format.window, times, noise);
    const latentGuidance = manifest.steering && {
      ...(await latentGuidanceOf(guides, manifest, sessions, format.window)),
      ...manifest.steering,
      noise: noise.slice(),
    };
    return new SamplingState(
      model,
      sessions,
      times,
      sampler.order === 2,
      variant.distilled ? undefined : modelGuidance(manifest, batch.guidanceScale),
      adapters,
      extent,
      tiles,
      start.step,
      start.latent,
      start.kept,
      latentGuidance,
      format.window,
    );
  }

  /** For an engine that runs the steps elsewhere. */
  get plan(): SamplingPlan {
    const { times, isSecondOrder, guidance, firstStep, latent, extent, tiles, kept, latentGuidance } = this;
    return {
      times,
      isSecondOrder,
      guidance,
      firstStep,
      latent,
      extent,
      tiles,
      kept: kept && { inpainted: kept.region.inpainted(latent.length), latent: kept.latent, noise: kept.noise },
      latentGuidance,
    };
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
    this.#guideLatent(this.times[step + 1] ?? 0);
    this.kept?.region.restore(this.latent, this.kept.latent, this.kept.noise, this.times[step + 1] ?? 0);
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
    const inputs = {
      latent: floats(latents, rows, latent.channels, latent.sidePx, latent.sidePx),
      time: floats(new Float32Array(rows).fill(time), rows),
      ...tile.conditions,
    };
    const { velocity } = await this.sessions.run(path.join(folder, denoiser.file), denoiser, inputs, this.adapters);
    const v = numbers(velocity);
    return Float64Array.from(here, (_, k) => {
      const unconditional = v[here.length + k] ?? 0;
      return scale === undefined ? (v[k] ?? 0) : unconditional + scale * ((v[k] ?? 0) - unconditional);
    });
  }

  #guideLatent(time: number): void {
    if (!this.latentGuidance) return;
    const { content, style, contentUntil, contentCells, styleUntil, noise } = this.latentGuidance;
    const { sidePx } = this.model.manifest.latent;
    if (style && time >= styleUntil) guideStyle(this.latent, this.#estimate, style, time, this.times.length - 1, sidePx * sidePx);
    if (content && time >= contentUntil) guideContent(this.latent, content, noise, time, this.times.length - 1, sidePx, contentCells);
  }

  /** The picture as it would be if the flow went straight on from here: for previews. */
  preview(): Promise<Planes> {
    return this.#decoded(this.#estimate);
  }

  picture(): Promise<Planes> {
    return this.#decoded(this.latent);
  }

  async #decoded(latent: Float32Array): Promise<Planes> {
    const {
      folder,
      graphs: { decoder },
      latent: { channels, sidePx },
      nativeSidePx,
    } = this.model.manifest;
    const { widthCells } = this.extent;
    const { picture } = await this.sessions.run(path.join(folder, decoder.file), decoder, {
      latent: floats(latent, 1, channels, sidePx, widthCells),
    });
    return {
      widthPx: (widthCells * nativeSidePx) / sidePx,
      heightPx: nativeSidePx,
      data: numbers(picture).map((value) => (value + 1) / 2),
    };
  }
}

/** Wide pictures are generated in several squares, unless an init image or a guide other than a character is given: those have their place in one square. */
function formatOf(
  { tiles, nativeSidePx, latent }: Manifest,
  { widthPx, heightPx }: GenerateBatch,
  { initImage }: GenerateRequest,
  { edges, depth, content, style }: Guides,
  boxes: readonly Box[],
  references: readonly Reference[],
): Format {
  const ratio = widthPx / heightPx;
  const isWide = tiles !== undefined && ratio >= wideFrom && ratio <= tiles.maxRatio;
  if (!isWide || initImage || edges || depth || content || style) return fitToFormat(boxes, references, nativeSidePx, widthPx, heightPx);
  return spreadToFormat(boxes, references, nativeSidePx, nativeSidePx / latent.sidePx, ratio);
}

/** Whether enough of a thing lies in the square that begins at `left` for the caption of that square to name it. */
function isWithin({ box, reference: { aspectWidth } }: PlacedSubject, left: number, nativePx: number): boolean {
  if (!box) return true;
  const half = (box.side * aspectWidth) / 2;
  return box.x + half > left + visiblePxMin && box.x - half < left + nativePx - visiblePxMin;
}

/** Noise; or, with an init image, the point of the straight path between its latent and the noise from which the remaining steps lead. */
async function startOf(
  model: Model,
  sessions: Sessions,
  { initImage }: GenerateRequest,
  region: KnownRegion | undefined,
  window: Window,
  times: readonly number[],
  noise: Float32Array,
): Promise<Start> {
  const { folder, nativeSidePx, graphs } = model.manifest;
  if (!initImage || !graphs.encoder) return { step: 0, latent: noise, kept: undefined };
  const step = stepAfter(times, clamp(initImage.strength, 0, 1));
  const picture = region?.picture ?? (await readInitPicture(initImage.bytes, nativeSidePx, window));
  if (step === 0 && !region) return { step, latent: noise, kept: undefined };
  const encoded = await sessions.run(path.join(folder, graphs.encoder.file), graphs.encoder, {
    picture: floats(picture, 1, 3, nativeSidePx, nativeSidePx),
  });
  const known = numbers(encoded.latent);
  const time = times[step] ?? 0;
  const latent = noise.map((value, k) => time * value + (1 - time) * (known[k] ?? 0));
  return { step, latent, kept: region && { region, latent: known, noise } };
}

/** Things are placed by the region to inpaint; without one, by a guide that shows them; without either, by the layout. */
function placedBy(
  region: KnownRegion | undefined,
  { place }: Guides,
  { boxes, window }: { boxes: Box[]; window: Window },
  references: readonly Reference[],
  nativePx: number,
): Box[] {
  if (region) {
    const { rectangle, isSmall } = region.room();
    return movedInto(boxes, references, rectangle, nativePx, isSmall);
  }
  return place
    ? movedInto(boxes, references, { ...place, left: window.left + place.left, top: window.top + place.top }, nativePx, true, 1)
    : boxes;
}
