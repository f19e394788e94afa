import type { Catalogue } from './catalogue.js';
import { invalidField, invalidId, notPriced, unknownSurcharge } from '../errors.js';
import type { Wallet } from '../wallets.js';

/** A catalogue's prices in one wallet. */
export type PriceTable = Pick<Catalogue, 'compute' | 'superResolution' | 'surcharges' | 'motion' | 'training' | 'upscale'> & { readonly version: string; /** Absent: the plan's. */ readonly wallet?: Wallet };

export const computeKinds = ['image', 'motion', 'training', 'upscale'] as const;
export type ComputeKind = (typeof computeKinds)[number];

/** What a job computes, as far as its price depends on it. */
export type ComputeSpec = {
  readonly modelId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly steps: number;
  readonly images: number;
  readonly superResolution: boolean;
  readonly surcharges: readonly string[];
  /** Absent: an image. Of motion, `images` are clips; of a training, those that are learnt from; of an enlargement, the size is the delivered picture's. */
  readonly kind?: Exclude<ComputeKind, 'image'>;
  /** Of motion. */
  readonly complexity?: 'complex';
  /** Of a training: how often every image is looked at. */
  readonly epochs?: number;
};

export type QuoteLine = { readonly kind: string; readonly description: string; readonly tokens: number };
/** `totalTokens` are credits when the wallet is that of the credits; absent: the plan's. */
export type Quote = { readonly catalogueVersion: string; readonly lines: readonly QuoteLine[]; readonly totalTokens: number; readonly wallet?: 'credits' };

/** Far above what any model here paints; with them the largest price stays below 2^53 (see `quote.spec.ts`). */
export const computeBounds = { sidePxMax: 16_384, stepsMax: 1_000, imagesMax: 100, surchargesMax: 16, epochsMax: 1_000 } as const;

const modelIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws the first thing that is wrong with a computation. */
export function checkCompute(compute: ComputeSpec): void {
  if (!modelIdPattern.test(compute.modelId)) throw invalidId('compute.model_id', '1 to 64 letters, digits, dots, dashes or underscores');
  checkCount('compute.width_px', compute.widthPx, computeBounds.sidePxMax);
  checkCount('compute.height_px', compute.heightPx, computeBounds.sidePxMax);
  checkCount('compute.steps', compute.steps, computeBounds.stepsMax);
  checkCount('compute.images', compute.images, computeBounds.imagesMax);
  if (compute.kind === 'training') checkCount('compute.epochs', compute.epochs ?? 0, computeBounds.epochsMax);
  if (compute.surcharges.length > computeBounds.surchargesMax) throw invalidField('compute.surcharges', `compute.surcharges may name at most ${computeBounds.surchargesMax} features.`);
  if (new Set(compute.surcharges).size !== compute.surcharges.length) throw invalidField('compute.surcharges', 'compute.surcharges names a feature twice.');
}

function checkCount(param: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) throw invalidField(param, `${param} must be a whole number from 1 to ${max}.`);
}

/** The one price of a computation: previews, the calculator, reservations and settlements all ask here, so they cannot disagree. */
export function quote(prices: PriceTable, compute: ComputeSpec): Quote {
  const work = workLines(prices, compute);
  const computeTokens = totalOf(work);
  const lines = [...work, ...superResolutionLines(prices, compute), ...compute.surcharges.map((name) => surchargeLine(prices, name, computeTokens))];
  return { catalogueVersion: prices.version, lines, totalTokens: totalOf(lines), ...(prices.wallet === 'credits' ? { wallet: prices.wallet } : {}) };
}

function workLines(prices: PriceTable, compute: ComputeSpec): QuoteLine[] {
  const { modelId, widthPx, heightPx, steps, images, epochs = 1 } = compute;
  const pixels = widthPx * heightPx;
  switch (compute.kind ?? 'image') {
    case 'image':
      return [{ kind: 'compute', description: `${count(images, 'image')} x ${megapixels(pixels)} MP x ${count(steps, 'step')}, ${modelId}`, tokens: tokensOf(modelMilliTokens(prices, modelId), pixels, steps, images) }];
    case 'motion':
      return motionLines(prices, compute);
    case 'training':
      if (!prices.training) throw notPriced('training');
      return [{ kind: 'training', description: `${count(images, 'image')} x ${megapixels(pixels)} MP x ${count(epochs, 'epoch')}, ${modelId}`, tokens: tokensOf(prices.training.milliTokensPerMegapixelEpoch, pixels, epochs, images) }];
    case 'upscale':
      if (!prices.upscale) throw notPriced('upscale');
      return [{ kind: 'upscale', description: `${count(images, 'picture')} enlarged to ${megapixels(pixels)} MP`, tokens: tokensOf(prices.upscale.milliTokensPerMegapixel, pixels, 1, images) }];
  }
}

/** A clip costs the least there is, plus its resolution, plus its complexity; never more than the most. */
function motionLines({ motion }: PriceTable, { widthPx, heightPx, images, complexity }: ComputeSpec): QuoteLine[] {
  if (!motion) throw notPriced('motion');
  const pixels = widthPx * heightPx;
  const room = Math.max(0, motion.tokensMax - motion.tokensMin);
  const resolution = Math.min(room, tokensOf(motion.tokensPerMegapixel * 1_000, pixels, 1, 1));
  const complex = complexity === 'complex' ? Math.min(room - resolution, motion.complexTokens) : 0;
  return [
    { kind: 'motion', description: count(images, 'clip'), tokens: motion.tokensMin * images },
    { kind: 'motion_resolution', description: `${megapixels(pixels)} MP a frame`, tokens: resolution * images },
    ...(complex > 0 ? [{ kind: 'motion_complexity', description: 'complex motion', tokens: complex * images }] : []),
  ];
}

function superResolutionLines({ superResolution: { milliTokensPerMegapixel } }: PriceTable, compute: ComputeSpec): QuoteLine[] {
  if (!compute.superResolution) return [];
  const pixels = compute.widthPx * compute.heightPx;
  return [{ kind: 'super_resolution', description: `super-resolution, ${compute.images} x ${megapixels(pixels)} MP`, tokens: tokensOf(milliTokensPerMegapixel, pixels, 1, compute.images) }];
}

export const totalOf = (lines: readonly QuoteLine[]): number => lines.reduce((sum, line) => sum + line.tokens, 0);

function modelMilliTokens({ compute }: PriceTable, modelId: string): number {
  return (Object.hasOwn(compute.milliTokensByModel, modelId) ? compute.milliTokensByModel[modelId] : undefined) ?? compute.defaultMilliTokens;
}

function surchargeLine({ surcharges }: PriceTable, name: string, computeTokens: number): QuoteLine {
  const surcharge = Object.hasOwn(surcharges, name) ? surcharges[name] : undefined;
  if (!surcharge) throw unknownSurcharge(name);
  if ('tokens' in surcharge) return { kind: name, description: name.replaceAll('_', ' '), tokens: surcharge.tokens };
  const tokens = Math.ceil((computeTokens * surcharge.percentOfCompute) / 100);
  return { kind: name, description: `${name.replaceAll('_', ' ')}, +${surcharge.percentOfCompute} %`, tokens };
}

/** Rounded up, so that what has a price costs at least one token. In BigInt because the product passes 2^53 long before the quotient does. */
function tokensOf(milliTokens: number, pixels: number, steps: number, images: number): number {
  const milliPixels = 1_000_000_000n;
  return Number((BigInt(milliTokens) * BigInt(pixels) * BigInt(steps) * BigInt(images) + milliPixels - 1n) / milliPixels);
}

const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;

/** Two decimals; the smallest pictures read as 0.01 rather than as nothing. */
const megapixels = (pixels: number): string => (Math.max(1, Math.round(pixels / 10_000)) / 100).toFixed(2);
