import type { Measured } from './measured.js';
import { aspectOf } from './sides.js';

/** With fewer the middle of a set means nothing. */
const outlierPicturesMin = 8;
const blurPicturesMin = 3;
/** Share of the set's median sharpness below which a picture counts as blurred. */
const blurShare = 0.25;
/** A normal distribution has one of 16,000 so far out. */
const robustZMax = 4;
/** Makes the median deviation comparable to a standard deviation. */
const deviationScale = 1.4826;

/** What is compared, and the smallest deviation that counts as one: in a set of equals everything else would be far out. */
const features: readonly { readonly of: (measured: Measured) => number; readonly deviationMin: number }[] = [
  { of: ({ colours }) => colours.lightness, deviationMin: 0.06 },
  { of: ({ colours }) => colours.contrast, deviationMin: 0.05 },
  { of: ({ colours }) => colours.redGreen, deviationMin: 0.04 },
  { of: ({ colours }) => colours.yellowBlue, deviationMin: 0.04 },
  { of: ({ colours }) => colours.chroma, deviationMin: 0.04 },
  { of: (measured) => Math.log(aspectOf(measured)), deviationMin: 0.2 },
];

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

/** Distance of each value from the median, in median deviations (Iglewicz and Hoaglin, 1993). */
export function robustZ(values: readonly number[], deviationMin: number): number[] {
  const median = medianOf(values);
  const deviation = Math.max(deviationMin, deviationScale * medianOf(values.map((value) => Math.abs(value - median))));
  return values.map((value) => Math.abs(value - median) / deviation);
}

type WithMeasures = { readonly measured: Measured };

/** Those whose colours or shape are far from what the set has. */
export function outliersOf<P extends WithMeasures>(pictures: readonly P[]): P[] {
  if (pictures.length < outlierPicturesMin) return [];
  const distances = features.map(({ of, deviationMin }) =>
    robustZ(
      pictures.map(({ measured }) => of(measured)),
      deviationMin,
    ),
  );
  return pictures.filter((_, index) => distances.some((ofFeature) => (ofFeature[index] ?? 0) > robustZMax));
}

/** Those with far less fine detail than the set has. */
export function blurredOf<P extends WithMeasures>(pictures: readonly P[]): P[] {
  if (pictures.length < blurPicturesMin) return [];
  const limit = blurShare * medianOf(pictures.map(({ measured }) => measured.sharpness));
  return pictures.filter(({ measured }) => measured.sharpness < limit);
}
