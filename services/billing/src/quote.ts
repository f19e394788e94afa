import type { Catalogue } from './catalogue.js';
import { invalidField, invalidId, unknownSurcharge } from './errors.js';

/** What a job computes, as far as its price depends on it. */
export type ComputeSpec = {
  readonly modelId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly steps: number;
  readonly images: number;
  readonly superResolution: boolean;
  readonly surcharges: readonly string[];
};

export type QuoteLine = { readonly kind: string; readonly description: string; readonly tokens: number };
export type Quote = { readonly catalogueVersion: string; readonly lines: readonly QuoteLine[]; readonly totalTokens: number };

/** Far above what any model here paints; with them the largest price stays below 2^53 (see `quote.spec.ts`). */
export const computeBounds = { sidePxMax: 16_384, stepsMax: 1_000, imagesMax: 100, surchargesMax: 16 } as const;

const modelIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws the first thing that is wrong with a computation. */
export function checkCompute(compute: ComputeSpec): void {
  if (!modelIdPattern.test(compute.modelId)) throw invalidId('compute.model_id', '1 to 64 letters, digits, dots, dashes or underscores');
  checkCount('compute.width_px', compute.widthPx, computeBounds.sidePxMax);
  checkCount('compute.height_px', compute.heightPx, computeBounds.sidePxMax);
  checkCount('compute.steps', compute.steps, computeBounds.stepsMax);
  checkCount('compute.images', compute.images, computeBounds.imagesMax);
  if (compute.surcharges.length > computeBounds.surchargesMax) throw invalidField('compute.surcharges', `compute.surcharges may name at most ${computeBounds.surchargesMax} features.`);
  if (new Set(compute.surcharges).size !== compute.surcharges.length) throw invalidField('compute.surcharges', 'compute.surcharges names a feature twice.');
}

function checkCount(param: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) throw invalidField(param, `${param} must be a whole number from 1 to ${max}.`);
}

/** The one price of a computation: previews, the calculator, reservations and settlements all ask here, so they cannot disagree. */
export function quote(catalogue: Catalogue, compute: ComputeSpec): Quote {
  const pixels = compute.widthPx * compute.heightPx;
  const computeLine = {
    kind: 'compute',
    description: `${count(compute.images, 'image')} x ${megapixels(pixels)} MP x ${count(compute.steps, 'step')}, ${compute.modelId}`,
    tokens: tokensOf(modelMilliTokens(catalogue, compute.modelId), pixels, compute.steps, compute.images),
  };
  const lines: QuoteLine[] = [computeLine];
  if (compute.superResolution) {
    lines.push({
      kind: 'super_resolution',
      description: `super-resolution, ${compute.images} x ${megapixels(pixels)} MP`,
      tokens: tokensOf(catalogue.superResolution.milliTokensPerMegapixel, pixels, 1, compute.images),
    });
  }
  for (const name of compute.surcharges) lines.push(surchargeLine(catalogue, name, computeLine.tokens));
  return { catalogueVersion: catalogue.version, lines, totalTokens: totalOf(lines) };
}

export const totalOf = (lines: readonly QuoteLine[]): number => lines.reduce((sum, line) => sum + line.tokens, 0);

function modelMilliTokens({ compute }: Catalogue, modelId: string): number {
  return (Object.hasOwn(compute.milliTokensByModel, modelId) ? compute.milliTokensByModel[modelId] : undefined) ?? compute.defaultMilliTokens;
}

function surchargeLine(catalogue: Catalogue, name: string, computeTokens: number): QuoteLine {
  const surcharge = Object.hasOwn(catalogue.surcharges, name) ? catalogue.surcharges[name] : undefined;
  if (!surcharge) throw unknownSurcharge(name);
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
