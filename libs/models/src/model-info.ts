import type { GuidanceKind } from './guidance.js';
import type { GuidanceMeaning, NegativePromptUse } from './pipeline-classes.js';

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
  /** A part of the init image can be kept (mask, placement); absent: wherever an init image is taken. */
  readonly supportsInpaint?: boolean;
  /** An init image without a mask goes in whole, and the prompt is an instruction what to change. */
  readonly supportsEdit?: boolean;
  /** It generates nothing without an init image. */
  readonly needsInitImage?: boolean;
  /** In which ways pictures can guide it; absent: in none. */
  readonly guidanceKinds?: readonly GuidanceKind[];
  /** Adapters that the operator has put beside it; absent: it takes none at all. */
  readonly adapterIds?: readonly string[];
  /** Uploaded adapters that were trained on this family of models act; absent: none do. */
  readonly adapterFamily?: string;
  /** Sides are multiples of it; absent: of 8. */
  readonly sideMultiplePx?: number;
  /** When a negative prompt acts; absent: always. */
  readonly negativePrompt?: NegativePromptUse;
  /** What the guidance scale is; absent: classifier-free guidance. */
  readonly guidance?: GuidanceMeaning;
  /** Tokens of the prompt that its text encoder reads. */
  readonly promptTokens?: number;
  /** What lies beyond `promptTokens` is read, too; otherwise it is cut, with a notice. */
  readonly longPrompts?: boolean;
  /** "(fox:1.5)" weights a word. */
  readonly weightedWords?: boolean;
  /** Class of its diffusers pipeline. */
  readonly pipelineClass?: string;
  readonly license?: string;
};
