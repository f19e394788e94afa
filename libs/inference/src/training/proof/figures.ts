import type { PictureFeatures } from './picture-features.js';

/** A prompt with and without the adapter, at the same seed. */
export type SamplePair = { readonly prompt: string; readonly without: PictureFeatures; readonly withIt: PictureFeatures };
export type ValidationPoint = { readonly step: number; readonly loss: number; readonly trainingLoss: number };

export type ProofInput = {
  /** The pictures that were learned from. */
  readonly training: readonly PictureFeatures[];
  /** Held prompts: of no picture of the set. The same prompt with several seeds tells diversity. */
  readonly held: readonly SamplePair[];
  /** Captions of the set, at seeds of their own: where a picture that was memorised shows first. */
  readonly recalled: readonly SamplePair[];
  /** In the order of their steps, the first before any; empty when no picture was held out. */
  readonly validations: readonly ValidationPoint[];
};

/** Shares of what is without the adapter: 0 means as before, 1 entirely. */
export type ProofFigures = {
  readonly validation:
    | {
        /** By how much the best loss is below the model's own. */
        readonly fall: number;
        /** How much of the fall of the training loss pictures that were held out do not share. */
        readonly gap: number;
        /** Last loss above the best, as a share of the best. */
        readonly rise: number;
      }
    | undefined;
  /** How much nearer held prompts have come to the set, by colours and by the encoder's statistics where there are any; negative: further away. */
  readonly likeness: { readonly all: number; readonly colours: number; readonly edges: number; readonly latent: number | undefined };
  /** How much more of the colours that most pictures of the set share is seen in held prompts; undefined when they share hardly any. Before changing grounds it is the thing's colours. */
  readonly common: number | undefined;
  /** How different pictures are among themselves, against the same without the adapter: 1 is as before. */
  readonly diversity: number;
  /** How much of what a picture shows where is left with the adapter, from 0 to 1. */
  readonly kept: number;
  /** The sample that is most like one picture of the set. */
  readonly nearest: {
    /** From 0 to 1 (the same picture), of what is shown where. */
    readonly likeness: number;
    /** The same without the adapter: what is alike by chance, or because both show the same thing. */
    readonly byChance: number;
    /** Place in `training`. */
    readonly picture: number;
  };
  /** Pictures of the set that are not nearly another one of it. */
  readonly distinct: number;
  readonly pictures: number;
};

/** A picture is like the set when it is like some of it: a set has pictures by day and by night. */
const neighbours = 3;
/** Three of four pictures have it; the rest may be lit otherwise. */
const sharedQuantile = 0.25;
/** Of a picture: less is chance. */
const sharedMin = 0.02;
/** Mean difference of thumbnails, of 255, below which two pictures are one: what a new encoding or another size changes. */
const samePictureBelow = 6;

export function figuresOf({ training, held, recalled, validations }: ProofInput): ProofFigures {
  const samples = [...held, ...recalled];
  if (training.length === 0 || held.length === 0)
    throw new Error('Figures need pictures that were learned from, and samples of held prompts');
  const nearest = samples
    .map(({ withIt, without }) => {
      const { likeness, picture } = nearestOf(withIt, training);
      return { likeness, picture, byChance: nearestOf(without, training).likeness };
    })
    .reduce((most, each) => (each.likeness - each.byChance > most.likeness - most.byChance ? each : most));
  return {
    validation: validationOf(validations),
    likeness: likenessOf(held, training),
    common: commonOf(held, training),
    diversity: ratio(spreadOf(held.map(({ withIt }) => withIt)), spreadOf(held.map(({ without }) => without))),
    kept: meanOf(held.map(({ without, withIt }) => contentLikeness(without, withIt))),
    nearest,
    distinct: training.filter((picture, k) => !training.slice(0, k).some((before) => areTheSame(picture, before))).length,
    pictures: training.length,
  };
}

function validationOf(points: readonly ValidationPoint[]): ProofFigures['validation'] {
  const [first, ...later] = points;
  const last = later.at(-1);
  if (!first || !last) return undefined;
  const best = later.reduce((lowest, point) => (point.loss < lowest.loss ? point : lowest));
  const fall = (first.loss - best.loss) / first.loss;
  const trainingFall = (first.trainingLoss - best.trainingLoss) / first.trainingLoss;
  return { fall, gap: trainingFall > 0 ? 1 - fall / trainingFall : 0, rise: (last.loss - best.loss) / best.loss };
}

function likenessOf(held: readonly SamplePair[], training: readonly PictureFeatures[]): ProofFigures['likeness'] {
  const nearer = (distance: (a: PictureFeatures, b: PictureFeatures) => number) => {
    const toSet = (picture: PictureFeatures) => {
      const distances = training.map((each) => distance(picture, each)).toSorted((a, b) => a - b);
      return meanOf(distances.slice(0, neighbours));
    };
    return 1 - ratio(meanOf(held.map(({ withIt }) => toSet(withIt))), meanOf(held.map(({ without }) => toSet(without))));
  };
  const colours = nearer((a, b) => difference(a.colours, b.colours));
  const hasLatents = [...training, ...held.flatMap(({ without, withIt }) => [without, withIt])].every(({ latent }) => latent !== undefined);
  const latent = hasLatents ? nearer((a, b) => difference(a.latent?.style ?? [], b.latent?.style ?? [])) : undefined;
  return {
    all: latent === undefined ? colours : (colours + latent) / 2,
    colours,
    edges: nearer((a, b) => difference(a.edges, b.edges)),
    latent,
  };
}

function commonOf(held: readonly SamplePair[], training: readonly PictureFeatures[]): number | undefined {
  const shared = Float32Array.from({ length: training[0]?.palette.length ?? 0 }, (_, bin) => {
    const shares = training.map(({ palette }) => palette[bin] ?? 0).toSorted((a, b) => a - b);
    return shares[Math.floor(shares.length * sharedQuantile)] ?? 0;
  });
  const whole = shared.reduce((sum, share) => sum + share, 0);
  if (whole < sharedMin) return undefined;
  const seenIn = ({ palette }: PictureFeatures) => shared.reduce((sum, share, bin) => sum + Math.min(share, palette[bin] ?? 0), 0) / whole;
  const before = meanOf(held.map(({ without }) => seenIn(without)));
  const after = meanOf(held.map(({ withIt }) => seenIn(withIt)));
  return before < 1 ? (after - before) / (1 - before) : 0;
}

function nearestOf(sample: PictureFeatures, training: readonly PictureFeatures[]): { likeness: number; picture: number } {
  return training
    .map((picture, k) => ({ likeness: contentLikeness(sample, picture), picture: k }))
    .reduce((most, each) => (each.likeness > most.likeness ? each : most));
}

/** By latents, which tell more than lines do, where both have one; the lines of any two pictures are half alike. */
function contentLikeness(a: PictureFeatures, b: PictureFeatures): number {
  return Math.max(0, a.latent && b.latent ? cosine(a.latent.content, b.latent.content) : cosine(a.outline, b.outline));
}

const areTheSame = (a: PictureFeatures, b: PictureFeatures): boolean => difference(a.thumbnail, b.thumbnail) < samePictureBelow;

/** Mean difference of all pairs, by what they show where. */
function spreadOf(pictures: readonly PictureFeatures[]): number {
  const pairs = pictures.flatMap((a, k) => pictures.slice(k + 1).map((b) => 1 - contentLikeness(a, b)));
  return pairs.length === 0 ? 1 : meanOf(pairs);
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k += 1) sum += Math.abs((a[k] ?? 0) - (b[k] ?? 0));
  return sum / Math.max(1, a.length);
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squareA, squareB] = [0, 0, 0];
  for (let k = 0; k < a.length; k += 1) {
    const [x, y] = [a[k] ?? 0, b[k] ?? 0];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  return product / (Math.sqrt(squareA * squareB) || 1);
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 1);
