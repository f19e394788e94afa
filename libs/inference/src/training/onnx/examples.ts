import path from 'node:path';
import sharp from 'sharp';
import type { Variant } from '@tessera/models/manifest.js';
import { condition, type Conditions, subjectOf } from '../../flow/conditioning.js';
import { noGuides } from '../../flow/guidance/guides.js';
import { sampleBoxes } from '../../flow/layout/boxes.js';
import { type Pose, upright } from '../../flow/layout/pose.js';
import type { Model } from '../../flow/model.js';
import { captionWords, encodeCaption } from '../../flow/prompt/caption.js';
import type { Reading } from '../../flow/prompt/prompt-reader.js';
import { Random } from '../../flow/random.js';
import { floats, numbers, type Sessions } from '../../flow/sessions.js';
import { shownBoxes } from './shown-boxes.js';
import { planesOf, readSquare, type Square } from '../squares.js';

const cropStream = 13;
const boxStream = 12;
/** Sections are cut from so many times the native side, so that they stay sharp. */
const heldScale = 2;
/** Of the side. Smaller sections would cut things off that the caption still names. */
const cropShareMin = 0.8;
const cropShareMax = 0.95;
const mirrored: Pose = [-1, 0, 0, 1];

/** A picture as the graph takes it: its latent, and the conditions from its caption. */
export type TrainingExample = { readonly latent: Float32Array; readonly conditions: Conditions };
/** A picture to be made an example of. */
export type Captioned = { readonly bytes: Uint8Array; readonly caption: string };
type Variation = { readonly isCropped: boolean; readonly isMirrored: boolean };
type Held = { readonly pixels: Buffer; readonly reading: Reading; readonly variations: readonly Variation[]; readonly seed: number };

const asItIs: Variation = { isCropped: false, isMirrored: false };

export type ExampleSource = { readonly model: Model; readonly variant: Variant; readonly sessions: Sessions };

/** Examples from pictures that were all read, and found readable, before the first step; each is made when it is first drawn. */
export class TrainingExamples {
  readonly #made = new Map<string, Promise<TrainingExample>>();

  private constructor(
    private readonly source: ExampleSource,
    private readonly held: readonly Held[],
  ) {}

  static async read(
    source: ExampleSource,
    pictures: readonly Captioned[],
    augmentation: { readonly flips: boolean; readonly crops: boolean },
    seed: number,
  ): Promise<TrainingExamples> {
    const { model, variant } = source;
    const held: Held[] = [];
    for (const [k, { bytes, caption }] of pictures.entries()) {
      const pixels = await readSquare(bytes, heldScale * model.manifest.nativeSidePx, k + 1);
      const reading = model.reader.read(caption, variant.look);
      const canMirror = augmentation.flips && (await canBeMirrored(reading, model));
      const variations = [false, ...(augmentation.crops ? [true] : [])].flatMap((isCropped) =>
        [false, ...(canMirror ? [true] : [])].map((isMirrored) => ({ isCropped, isMirrored })),
      );
      held.push({ pixels, reading, variations, seed: seed + k });
    }
    return new TrainingExamples(source, held);
  }

  get size(): number {
    return this.held.length;
  }

  /** One of the pictures, in one of its variations. */
  async draw(random: Random): Promise<TrainingExample> {
    const index = Math.floor(random.uniform() * this.held.length);
    const variations = this.held[index]?.variations ?? [];
    return this.#of(index, variations[Math.floor(random.uniform() * variations.length)] ?? asItIs);
  }

  plain(index: number): Promise<TrainingExample> {
    return this.#of(index, asItIs);
  }

  #of(index: number, variation: Variation): Promise<TrainingExample> {
    const key = JSON.stringify([index, variation]);
    const held = this.held[index];
    if (!held) throw new Error(`There is no picture ${index}`);
    const example = this.#made.get(key) ?? exampleOf(held, variation, this.source);
    this.#made.set(key, example);
    return example;
  }
}

async function canBeMirrored({ subjects, styleVariant, position }: Reading, model: Model): Promise<boolean> {
  // "On the left" would be on the right.
  if (position !== undefined) return false;
  const shown = await Promise.all(subjects.map((subject) => subjectOf({ subject, character: undefined }, model, styleVariant)));
  return shown.every(({ reference }) => reference.canMirror);
}

async function exampleOf(
  { pixels, reading, seed }: Held,
  variation: Variation,
  { model, sessions }: ExampleSource,
): Promise<TrainingExample> {
  const { manifest, language } = model;
  const { folder, nativeSidePx: native, graphs, slots, text } = manifest;
  if (!graphs.encoder) throw new Error('The manifest has a train-step graph without an encoder');
  const square = await varied(pixels, native, variation, seed);
  const encoded = await sessions.run(path.join(folder, graphs.encoder.file), graphs.encoder, {
    picture: floats(planesOf(square), 1, 3, native, native),
  });
  // Things side by side are named from left to right.
  const areSideBySide = reading.relation?.overlap === undefined;
  const subjects = variation.isMirrored && areSideBySide ? reading.subjects.toReversed() : reading.subjects;
  const caption = encodeCaption(captionWords({ ...reading, subjects }, language, slots, text.tokens), model.vocabulary, slots, text);
  const shown = await Promise.all(subjects.map((subject) => subjectOf({ subject, character: undefined }, model, reading.styleVariant)));
  const references = shown.map(({ reference }) => reference);
  const isFlat = language.looks[reading.styleVariant]?.isFlat === true;
  const expected = () => sampleBoxes(manifest, sessions, caption, references, isFlat, reading.relation, new Random(0, boxStream));
  const boxes = (await shownBoxes(square, { count: subjects.length, areSideBySide }, expected, manifest, sessions)) ?? (await expected());
  const pose = variation.isMirrored ? mirrored : upright;
  const conditions = await condition(model, sessions, {
    caption,
    negative: caption,
    subjects: shown.map((subject, k) => ({ ...subject, box: boxes[k], pose })),
    guides: noGuides,
    window: { left: 0, top: 0, width: native, height: native },
    rows: 1,
  });
  return {
    latent: numbers(encoded.latent),
    conditions: { ...conditions, references: thinned(conditions.references, Math.max(1, subjects.length)) },
  };
}

/** The section of a picture is the same whenever it is drawn: a training that goes on makes its examples again. */
async function varied(pixels: Buffer, native: number, { isCropped, isMirrored }: Variation, seed: number): Promise<Square> {
  const held = heldScale * native;
  const random = new Random(seed, cropStream);
  const side = isCropped ? Math.round(held * (cropShareMin + random.uniform() * (cropShareMax - cropShareMin))) : held;
  const [left, top] = [Math.floor(random.uniform() * (held - side)), Math.floor(random.uniform() * (held - side))];
  return sharp(pixels, { raw: { width: held, height: held, channels: 3 } })
    .extract({ left, top, width: side, height: side })
    .resize(native, native)
    .flop(isMirrored)
    .raw()
    .toBuffer();
}

/** The train-step graph takes as many tokens as one thing has: of several things, each gives an even part of its own. */
function thinned(references: Conditions['references'], things: number): Conditions['references'] {
  const [, count = 0, width = 0] = references.dims;
  const all = numbers(references);
  const kept = count / things;
  const data = new Float32Array(kept * width);
  for (let token = 0; token < kept; token += 1) {
    const from = token * things + (token % things);
    data.set(all.subarray(from * width, (from + 1) * width), token * width);
  }
  return floats(data, 1, kept, width);
}
