import path from 'node:path';
import { z } from 'zod';
import { enlargingGraph, limits, variantOfAny } from './manifest-entries.js';
import { parseFile } from './parse-file.js';

const file = z.string().min(1);
const ioNames = <Key extends string>(...keys: readonly Key[]) =>
  z.strictObject(Object.fromEntries(keys.map((key) => [key, z.string().min(1)])) as Record<Key, z.ZodString>);
const graph = <In extends string, Out extends string>(inputs: readonly In[], outputs: readonly Out[]) =>
  z.strictObject({ file, inputs: ioNames(...inputs), outputs: ioNames(...outputs) });

const optionalName = z.string().min(1).optional();

/**
 * What may be missing, and what its absence means. `poses`: things look as in their pictures. `views`, `viewWeights`: one picture shows a thing, others do not help.
 * The others: pictures cannot guide in that way.
 */
const conditioningGraph = z.strictObject({
  file,
  inputs: ioNames('tokens', 'slots', 'references', 'boxes', 'dropped').extend({
    poses: optionalName,
    views: optionalName,
    viewWeights: optionalName,
    /** Edges and depth. */
    guides: optionalName,
    guideStrengths: optionalName,
    content: optionalName,
    contentStrength: optionalName,
    style: optionalName,
    styleStrength: optionalName,
  }),
  outputs: ioNames('text', 'references', 'canvas'),
});

const share = z.number().min(0).max(1);

/** How a thing may stand apart from its picture in the bank; drawn from the seed. */
const poses = z.strictObject({
  mirroredShare: share,
  turnedShare: share,
  turnDeviationDegrees: z.number().min(0),
  maxTurnDegrees: z.number().min(0).max(180),
  slantDeviation: z.number().min(0),
});

/** From `fromSteps` steps on: `shift` above 1 spends more of them on the noisy half; order 2 uses the velocity of the step before, too. */
const sampler = z.strictObject({
  fromSteps: z.int().positive(),
  shift: z.number().positive(),
  order: z.union([z.literal(1), z.literal(2)]),
});

const grade = z.strictObject({
  /** 0 is grey, 1 leaves the colours alone. */
  saturation: z.number().min(0).max(3).default(1),
  brightness: z.number().min(0.2).max(3).default(1),
  /** Around mid-grey. */
  contrast: z.number().min(0.2).max(3).default(1),
  /** Gains of red, green and blue. */
  tint: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).default([1, 1, 1]),
});

const variant = variantOfAny.extend({
  /** Key of `looks` in the language file. */
  look: z.string().min(1),
  /** A variant that is distilled to few steps: by an adapter of `adapters.files`, without the unconditional branch (guidance is folded in), with steps of its own. */
  distilled: z.strictObject({ adapter: z.string().min(1), sampler: sampler.omit({ fromSteps: true }) }).optional(),
});

const schema = z.strictObject({
  formatVersion: z.literal(1),
  /** How the graphs are connected; another pipeline needs other code. */
  pipeline: z.literal('reference-conditioned-flow'),
  version: z.string().min(1),
  variants: z.array(variant).min(1),
  limits,
  nativeSidePx: z.int().positive(),
  /** Of the square that a style reference is squeezed into. */
  styleSidePx: z.int().positive().default(64),
  latent: z.strictObject({ channels: z.int().positive(), sidePx: z.int().positive() }),
  text: z.strictObject({ vocabulary: file, tokens: z.int().positive(), padToken: z.string() }),
  /** Words of the vocabulary that stand for the first, second … concept. */
  slots: z.array(z.string()).min(1),
  /** Squares that hold the concepts, in native pixels. `spread` scales the deviation of the layout graph. */
  box: z.strictObject({
    /** The square that is left free when a prompt names a scene only. */
    emptySidePx: z.number().positive(),
    minSidePx: z.number().positive(),
    maxSidePx: z.number().positive(),
    marginPx: z.number().min(0),
    spread: z.number().min(0),
  }),
  /**
   * Content and style references also guide the latent itself, until these times of the flow (1 is noise, 0 the picture), content in blocks of so many cells. Absent: the
   * conditioning graph alone follows them.
   */
  steering: z.strictObject({ contentUntil: share, contentCells: z.int().positive(), styleUntil: share }).optional(),
  /** Pictures up to so many times as wide as high are generated in squares that overlap by so many cells. Absent: every format is cut out of one square. */
  tiles: z.strictObject({ overlapCells: z.int().positive(), maxRatio: z.number().min(1) }).optional(),
  /** Layers of the denoiser that adapters change, in each of its blocks: its graph takes `down.<name>` and `up.<name>`. Absent: it takes no adapters. */
  adapters: z
    .strictObject({
      blocks: z.int().positive(),
      layers: z.array(z.strictObject({ name: z.string().min(1), inputs: z.int().positive(), outputs: z.int().positive() })).min(1),
      /** Adapters that come with the model, by their id. */
      files: z.record(z.string(), file).default({}),
    })
    .optional(),
  graphs: z.strictObject({
    /** These two take any number of filled slots, from one to all. */
    layout: graph(['tokens', 'slots', 'shapes'], ['mean', 'logDeviation']),
    conditioning: conditioningGraph,
    denoiser: graph(['latent', 'time', 'text', 'references', 'canvas'], ['velocity']),
    decoder: graph(['latent'], ['picture']),
    /** Absent: the model generates from noise only. */
    encoder: graph(['picture'], ['latent']).optional(),
    /** Loss, and its gradients for the adapter's matrices as `grad.<name>`. Its batch and its rank are fixed. Absent: the model cannot be trained. */
    trainStep: graph(['latent', 'noise', 'time', 'weight', 'text', 'references', 'canvas'], ['loss'])
      .extend({ rows: z.int().positive(), rank: z.int().positive() })
      .optional(),
    /** Absent: pictures must come with their background cut away. */
    matting: graph(['picture'], ['alpha', 'nearness']).optional(),
  }),
  /** Rising by `fromSteps`, beginning with 1. */
  samplers: z.array(sampler).min(1),
  /** Absent: every thing stands as in its picture. */
  poses: poses.optional(),
  /** `twinFollows`: how much of a guide's strength the unconditional branch gets, too; the less, the more closely pictures follow their guides. */
  guidance: z.strictObject({ about: z.string(), points: z.array(z.tuple([z.number(), z.number()])).min(2), twinFollows: share.default(1) }),
  language: file,
  concepts: file,
  /** Applied one after the other while the picture must be larger than `aboveSidePx`; what is missing then is plain resampling. */
  superResolution: z.array(enlargingGraph.extend({ aboveSidePx: z.int().positive() })),
  styles: z.record(z.string().regex(/^[A-Z0-9_]+$/, 'upper case'), grade),
});

export type Sampler = Omit<z.infer<typeof sampler>, 'fromSteps'>;
export type Poses = z.infer<typeof poses>;
export type Grade = z.infer<typeof grade>;
export type Variant = z.infer<typeof variant>;
export type Manifest = z.infer<typeof schema> & {
  /** Where the paths in the manifest start. */
  readonly folder: string;
};

/** Throws a sentence that names the file and the entry. */
export function parseManifest(json: string, manifestPath: string): Manifest {
  const manifest = { ...parseFile(schema, json, manifestPath), folder: path.dirname(manifestPath) };
  const refuse = (sentence: string) => new Error(`${manifestPath}: ${sentence}`);
  const { guidance, samplers, variants, adapters } = manifest;
  const stranger = variants.find(({ distilled }) => distilled && !(distilled.adapter in (adapters?.files ?? {})));
  if (stranger) throw refuse(`${stranger.modelId} needs the adapter "${stranger.distilled?.adapter}", which adapters.files does not name`);
  if (samplers[0]?.fromSteps !== 1 || samplers.some(({ fromSteps }, k) => fromSteps <= (samplers[k - 1]?.fromSteps ?? 0)))
    throw refuse('samplers must begin with 1 and rise');
  for (const [k, [from, to]] of guidance.points.entries()) {
    const before = guidance.points[k - 1];
    if (before && (from <= before[0] || to < before[1])) throw refuse('guidance.points must rise');
  }
  return manifest;
}
