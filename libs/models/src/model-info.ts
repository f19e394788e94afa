import type { GuidanceKind } from './guidance.js';

/** What a model can do, as the operator's manifest beside its weights says. */
export type ModelInfo = {
  readonly modelId: string;
  readonly name: string;
  readonly description: string;
  /** Changes whenever the same request would give other bytes. */
  readonly version: string;
  /** What its provider takes for a picture, in millionths of a dollar; absent: nothing, or not known. */
  readonly priceMicroUsd?: number;
  /** Each attempt at a job could be paid for: a job that is lost with its worker is not begun again. */
  readonly runsOnce?: true;
  /** The only sizes that it makes, as "1024x1024"; absent: any within its limits. */
  readonly sizes?: readonly string[];
  readonly aliases: readonly string[];
  /** UUID by which Leonardo's SDKs address it. */
  readonly leonardoId: string;
  readonly isDefault: boolean;
  readonly nativeWidthPx: number;
  readonly nativeHeightPx: number;
  readonly minSidePx: number;
  readonly maxSidePx: number;
  readonly defaultSteps: number;
  readonly maxSteps: number;
  readonly defaultGuidanceScale: number;
  readonly supportsInitImage: boolean;
  /** In which ways pictures can guide it; absent: in none. */
  readonly guidanceKinds?: readonly GuidanceKind[];
  /** Adapters that the operator has put beside it; absent: it takes none at all. */
  readonly adapterIds?: readonly string[];
};
