import type { Catalogue } from './catalogue-schema.js';
import { invalidField, invalidId, notPriced, unknownSurcharge } from '../errors.js';
import { checkWhole } from '../input.js';
import type { Wallet } from '../wallets.js';

/** A catalogue's prices in one wallet. */
export type PriceTable = Pick<Catalogue, 'compute' | 'superResolution' | 'surcharges' | 'motion' | 'training' | 'upscale'> & {
  readonly version: string;
  /** Absent: the plan's. */ readonly wallet?: Wallet;
};

/** Kinds with a price rule of their own; all others are `generic`. */
export const computeKinds = ['image', 'upscale', 'motion', 'training', 'generic'] as const;
export type ComputeKind = (typeof computeKinds)[number];

type Sized = { readonly modelId: string; readonly widthPx: number; readonly heightPx: number };
/** Catalogue names of extra features in use. */
type Surcharged = { readonly surcharges: readonly string[] };

/** The size is each delivered picture's. Without a `kind`, because entries of pictures have never had one, and their hashes must stay what they are. */
export type ImageCompute = Sized &
  Surcharged & { readonly kind?: undefined; readonly steps: number; readonly images: number; readonly superResolution: boolean };
/** The size is the enlarged picture's. */
export type UpscaleCompute = Sized & Surcharged & { readonly kind: 'upscale'; readonly images: number };
/** The size is a frame's, `images` are clips. `frames` are those of all clips together; absent: clips are delivered whole. */
export type MotionCompute = Sized &
  Surcharged & { readonly kind: 'motion'; readonly images: number; readonly frames?: number; readonly complexity?: 'complex' };
/** `images` are those that are learnt from, `epochs` how often each is looked at. `steps` are the optimizer steps that this takes; absent: one for each look. */
export type TrainingCompute = Sized &
  Surcharged & { readonly kind: 'training'; readonly images: number; readonly epochs: number; readonly steps?: number };
/** Work of a kind without a price of its own: whoever submits it says what a unit costs. */
export type GenericCompute = {
  readonly kind: 'generic';
  readonly workKind: string;
  readonly modelId: string;
  readonly units: number;
  readonly milliTokensPerUnit: number;
};

/** What a job computes, as far as its price depends on it. Stored as it stands, as part of the entry that holds the job's tokens. */
export type ComputeSpec = ImageCompute | UpscaleCompute | MotionCompute | TrainingCompute | GenericCompute;

export type QuoteLine = { readonly kind: string; readonly description: string; readonly tokens: number };
/** `totalTokens` are credits when the wallet is that of the credits; absent: the plan's. */
export type Quote = {
  readonly catalogueVersion: string;
  readonly lines: readonly QuoteLine[];
  readonly totalTokens: number;
  readonly wallet?: 'credits';
};

/** Far above what any model here makes; with them the largest price stays below 2^53 (see `quote.spec.ts`). */
export const computeBounds = {
  sidePxMax: 16_384,
  stepsMax: 1_000,
  imagesMax: 100,
  surchargesMax: 16,
  epochsMax: 1_000,
  unitsMax: 1_000_000,
  milliTokensPerUnitMax: 1_000_000,
} as const;

const modelIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const workKindPattern = /^[a-z][a-z0-9_]{0,31}$/;

export const kindOf = ({ kind }: ComputeSpec): ComputeKind => kind ?? 'image';

/** Whether what a job delivers are pictures. */
export const deliversPictures = (compute: ComputeSpec): compute is ImageCompute | UpscaleCompute =>
  compute.kind === undefined || compute.kind === 'upscale';

/** A training that kept a checkpoint or a clip that has frames is of use although its job did not succeed, and pays its units up to there; pictures of such a job are not delivered. */
export const paysUnfinished = (compute: ComputeSpec): boolean => !deliversPictures(compute);

/** What a job is settled by: pictures, frames or clips, training steps, units. */
export function unitsOf(compute: ComputeSpec): number {
  switch (compute.kind) {
    case undefined:
    case 'upscale':
      return compute.images;
    case 'motion':
      return compute.frames ?? compute.images;
    case 'training':
      return compute.steps ?? compute.images * compute.epochs;
    case 'generic':
      return compute.units;
  }
}

/** "3 images", as a person counts what a job delivers. */
export function unitsText(compute: ComputeSpec, units: number): string {
  switch (compute.kind) {
    case undefined:
      return count(units, 'image');
    case 'upscale':
      return count(units, 'picture');
    case 'motion':
      return count(units, compute.frames === undefined ? 'clip' : 'frame');
    case 'training':
      return count(units, 'step');
    case 'generic':
      return count(units, 'unit');
  }
}

/** Throws the first thing that is wrong with a computation. */
export function checkCompute(compute: ComputeSpec): void {
  const kind = kindOf(compute);
  if (!modelIdPattern.test(compute.modelId))
    throw invalidId(`compute.${kind}.model_id`, '1 to 64 letters, digits, dots, dashes or underscores');
  const check = (field: string, value: number, max: number) => checkCount(`compute.${kind}.${field}`, value, max);
  if (compute.kind === 'generic') {
    if (!workKindPattern.test(compute.workKind)) throw invalidId('compute.generic.kind', 'one word in lower case');
    check('units', compute.units, computeBounds.unitsMax);
    return checkWhole('compute.generic.milli_tokens_per_unit', compute.milliTokensPerUnit, 0, computeBounds.milliTokensPerUnitMax);
  }
  check('width_px', compute.widthPx, computeBounds.sidePxMax);
  check('height_px', compute.heightPx, computeBounds.sidePxMax);
  check(compute.kind === 'motion' ? 'clips' : 'images', compute.images, computeBounds.imagesMax);
  if (compute.kind === undefined) check('steps', compute.steps, computeBounds.stepsMax);
  if (compute.kind === 'motion' && compute.frames !== undefined) check('frames', compute.frames, computeBounds.unitsMax);
  if (compute.kind === 'training') check('epochs', compute.epochs, computeBounds.epochsMax);
  if (compute.kind === 'training' && compute.steps !== undefined) check('steps', compute.steps, computeBounds.unitsMax);
  if (compute.surcharges.length > computeBounds.surchargesMax)
    throw invalidField(`compute.${kind}.surcharges`, `At most ${computeBounds.surchargesMax} features may be named as surcharges.`);
  if (new Set(compute.surcharges).size !== compute.surcharges.length)
    throw invalidField(`compute.${kind}.surcharges`, 'The surcharges name a feature twice.');
}

function checkCount(param: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) throw invalidField(param, `${param} must be a whole number from 1 to ${max}.`);
}

/**
 * The one price of a computation: previews, the calculator, reservations and settlements all ask here, so they cannot disagree.
 * `units` are those that were delivered; absent: all that were ordered. Fewer units never cost more.
 */
export function quote(prices: PriceTable, compute: ComputeSpec, units = unitsOf(compute)): Quote {
  const work = workLines(prices, compute, units);
  const computeTokens = totalOf(work);
  const surcharges = compute.kind === 'generic' ? [] : compute.surcharges.map((name) => surchargeLine(prices, name, computeTokens));
  const lines = [...work, ...superResolutionLines(prices, compute, units), ...surcharges];
  return {
    catalogueVersion: prices.version,
    lines,
    totalTokens: totalOf(lines),
    ...(prices.wallet === 'credits' ? { wallet: prices.wallet } : {}),
  };
}

function workLines(prices: PriceTable, compute: ComputeSpec, units: number): QuoteLine[] {
  switch (compute.kind) {
    case undefined: {
      const { modelId, steps } = compute;
      return [
        {
          kind: 'compute',
          description: `${unitsText(compute, units)} x ${megapixels(compute)} MP x ${count(steps, 'step')}, ${modelId}`,
          tokens: megapixelTokens(modelMilliTokens(prices, modelId), compute, steps * units),
        },
      ];
    }
    case 'upscale':
      if (!prices.upscale) throw notPriced('upscale');
      return [
        {
          kind: 'upscale',
          description: `${unitsText(compute, units)} enlarged to ${megapixels(compute)} MP`,
          tokens: megapixelTokens(prices.upscale.milliTokensPerMegapixel, compute, units),
        },
      ];
    case 'motion':
      return motionLines(prices, compute, units);
    case 'training':
      return [trainingLine(prices, compute, units)];
    case 'generic':
      return [
        {
          kind: compute.workKind,
          description: `${unitsText(compute, units)} of ${compute.workKind.replaceAll('_', ' ')}, ${compute.modelId}`,
          tokens: roundedUp(BigInt(compute.milliTokensPerUnit) * BigInt(units), 1_000n),
        },
      ];
  }
}

/** The price is that of all looks; of a training that stopped early, the share of its steps. */
function trainingLine({ training }: PriceTable, compute: TrainingCompute, steps: number): QuoteLine {
  if (!training) throw notPriced('training');
  const { images, epochs, modelId } = compute;
  const ordered = unitsOf(compute);
  const part = steps === ordered ? '' : `, ${steps} of ${count(ordered, 'step')}`;
  return {
    kind: 'training',
    description: `${count(images, 'image')} x ${megapixels(compute)} MP x ${count(epochs, 'epoch')}, ${modelId}${part}`,
    tokens: megapixelTokens(training.milliTokensPerMegapixelEpoch, compute, images * epochs, { of: ordered, part: steps }),
  };
}

/** A clip costs the least there is, plus its resolution, plus its complexity; never more than the most. Of clips that are not whole, the share of their frames. */
function motionLines({ motion }: PriceTable, compute: MotionCompute, units: number): QuoteLine[] {
  if (!motion) throw notPriced('motion');
  const { images: clips, complexity } = compute;
  const ordered = unitsOf(compute);
  const room = Math.max(0, motion.tokensMax - motion.tokensMin);
  const resolution = Math.min(room, megapixelTokens(motion.tokensPerMegapixel * 1_000, compute, 1));
  const complex = complexity === 'complex' ? Math.min(room - resolution, motion.complexTokens) : 0;
  const ofClips = (tokens: number) => roundedUp(BigInt(tokens) * BigInt(clips) * BigInt(units), BigInt(ordered));
  const part = compute.frames === undefined || units === ordered ? '' : `, ${units} of ${count(ordered, 'frame')}`;
  return [
    {
      kind: 'motion',
      description: `${count(compute.frames === undefined ? units : clips, 'clip')}${part}`,
      tokens: ofClips(motion.tokensMin),
    },
    { kind: 'motion_resolution', description: `${megapixels(compute)} MP a frame`, tokens: ofClips(resolution) },
    ...(complex > 0 ? [{ kind: 'motion_complexity', description: 'complex motion', tokens: ofClips(complex) }] : []),
  ];
}

function superResolutionLines(
  { superResolution: { milliTokensPerMegapixel } }: PriceTable,
  compute: ComputeSpec,
  images: number,
): QuoteLine[] {
  if (compute.kind !== undefined || !compute.superResolution) return [];
  return [
    {
      kind: 'super_resolution',
      description: `super-resolution, ${images} x ${megapixels(compute)} MP`,
      tokens: megapixelTokens(milliTokensPerMegapixel, compute, images),
    },
  ];
}

export const totalOf = (lines: readonly QuoteLine[]): number => lines.reduce((sum, line) => sum + line.tokens, 0);

function modelMilliTokens({ compute }: PriceTable, modelId: string): number {
  return (
    (Object.hasOwn(compute.milliTokensByModel, modelId) ? compute.milliTokensByModel[modelId] : undefined) ?? compute.defaultMilliTokens
  );
}

function surchargeLine({ surcharges }: PriceTable, name: string, computeTokens: number): QuoteLine {
  const surcharge = Object.hasOwn(surcharges, name) ? surcharges[name] : undefined;
  if (!surcharge) throw unknownSurcharge(name);
  if ('tokens' in surcharge) return { kind: name, description: name.replaceAll('_', ' '), tokens: surcharge.tokens };
  const tokens = Math.ceil((computeTokens * surcharge.percentOfCompute) / 100);
  return { kind: name, description: `${name.replaceAll('_', ' ')}, +${surcharge.percentOfCompute} %`, tokens };
}

/** Of so many megapixels of one size, or of a share of them. */
function megapixelTokens(milliTokens: number, { widthPx, heightPx }: Sized, times: number, { of, part } = { of: 1, part: 1 }): number {
  const milliPixels = 1_000_000_000n;
  return roundedUp(BigInt(milliTokens) * BigInt(widthPx * heightPx) * BigInt(times) * BigInt(part), milliPixels * BigInt(of));
}

/** Rounded up, so that what has a price costs at least one token. In BigInt because the product passes 2^53 long before the quotient does. */
const roundedUp = (dividend: bigint, divisor: bigint): number => Number((dividend + divisor - 1n) / divisor);

const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

/** Two decimals; the smallest pictures read as 0.01 rather than as nothing. */
const megapixels = ({ widthPx, heightPx }: Sized): string => (Math.max(1, Math.round((widthPx * heightPx) / 10_000)) / 100).toFixed(2);
