import type { GuidanceKind } from '@tessera/models/guidance.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { invalidArgument } from '@tessera/platform/errors.js';

export type EngineDescription = { readonly engine: string; readonly models: readonly ModelInfo[] };

export type InitImageInput = {
  /** An encoded picture (PNG, JPEG or WebP). */
  readonly bytes: Uint8Array;
  /** 0 ignores it, 1 keeps it: the share of the noise schedule that is skipped. */
  readonly strength: number;
  /** An encoded picture of the init image's proportions: white is inpainted, black stays to the byte, grey is in between. Absent: all of it is generated. */
  readonly mask?: Uint8Array;
  /** Where the init image lies in the delivered picture; what it does not cover is generated. Absent: it fills the picture. */
  readonly placement?: Placement;
};

/** A rectangle in pixels of the delivered picture, within it. */
export type Placement = { readonly leftPx: number; readonly topPx: number; readonly widthPx: number; readonly heightPx: number };

/** A picture that guides, an encoded PNG, JPEG or WebP. */
export type GuidanceInput = {
  readonly kind: GuidanceKind;
  readonly bytes: Uint8Array;
  /** 0 ignores it, 1 follows it. */
  readonly strength: number;
  /** Of a character: the word of the prompt that it stands for; absent or empty: the first thing. Several with one word are views of the same. */
  readonly subject?: string;
};

/** A fine-tuned adapter (LoRA). */
export type AdapterInput = {
  /** Of one that comes with the model, when there are no bytes. */
  readonly id: string;
  /** A safetensors file. */
  readonly bytes?: Uint8Array;
  /** 0 ignores it, 1 is what it was trained for; from -2 to 2. */
  readonly weight: number;
};

export type GenerateRequest = {
  /** Names the request's updates. */
  readonly requestId: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Picture `i` of a request is generated from `seed + i`, whatever else is in the batch. */
  readonly seed: number;
  readonly images: number;
  /** Preset style, upper case; "NONE" for none. */
  readonly style: string;
  readonly initImage?: InitImageInput;
  /** At most five. */
  readonly guidance?: readonly GuidanceInput[];
};

/** Requests that agree on everything the denoiser must agree on. */
export type GenerateBatch = {
  readonly modelId: string;
  /** Size of the delivered pictures. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly steps: number;
  readonly guidanceScale: number;
  /** Emit a preview every so many steps; 0 for none. */
  readonly previewEverySteps: number;
  /** They change the denoiser itself; at most four. */
  readonly adapters?: readonly AdapterInput[];
  readonly requests: readonly GenerateRequest[];
};

export type EncodedImage = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly contentType: string;
  readonly bytes: Uint8Array;
};

/** Something the caller should know that is not an error, for example `unknown_word`. */
export type EngineNotice = { readonly kind: string; readonly message: string };

/** The phases of a generation. An engine reports those that it has, each when it has ended; `load` only if a model was not in memory. */
export type GeneratePhase = 'load' | 'read_prompt' | 'conditioning' | 'denoise' | 'decode' | 'super_resolution' | 'encode';

export type GenerateUpdate =
  | {
      readonly type: 'phase';
      readonly phase: GeneratePhase;
      /** Milliseconds since 1970, fractions included. */ readonly startMs: number;
      readonly endMs: number;
      /** The picture that it was for; absent: the whole batch. */ readonly requestId?: string;
      readonly index?: number;
    }
  | { readonly type: 'notice'; readonly requestId: string; readonly notice: EngineNotice }
  | { readonly type: 'step'; readonly step: number; readonly steps: number }
  | { readonly type: 'preview'; readonly requestId: string; readonly index: number; readonly step: number; readonly image: EncodedImage }
  | { readonly type: 'image'; readonly requestId: string; readonly index: number; readonly image: EncodedImage };

export type PictureSize = { readonly widthPx: number; readonly heightPx: number };

/** Tiles of an enlargement that are done, then the enlarged picture. */
export type UpscaleUpdate = Extract<GenerateUpdate, { type: 'step' }> | { readonly type: 'image'; readonly image: EncodedImage };

/**
 * Generates pictures. Never blocks the event loop of the caller. Deterministic: the same model version, request and seed give the same bytes, alone or in a batch.
 */
export abstract class DiffusionEngine {
  abstract describe(): Promise<EngineDescription>;
  /**
   * Yields steps, previews, notices and, in the end, one image for every picture asked for. Aborting the signal stops at the next step with Cancelled.
   * Errors: InvalidArgument `unknown_model` | `unsupported_size` | `unsupported_init_image` | `unreadable_init_image` | `unreadable_mask` | `mask_proportions` |
   * `nothing_to_repaint` | `invalid_placement` | `unsupported_guidance` and its like (`guidance.ts`) | `unreadable_guidance` | `character_not_cut_out` | `empty_character` | `unknown_subject` |
   * `unsupported_adapters` | `too_many_adapters` | `unknown_adapter` | `invalid_adapter_weight` | `unreadable_adapter` | `foreign_adapter`; Unavailable `engine_unavailable` when the engine has died (it restarts by itself);
   * of engines that others run: InvalidArgument `content_refused` | `server_refused`, Unavailable `engine_misconfigured`, and, never to be repeated, `outcome_unknown` | `paid_unfinished`, as Cancelled when the signal was aborted.
   */
  abstract generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate>;
  /** Loads what a model needs, so that its first picture does not pay for it. */
  abstract warm(modelId: string): Promise<void>;
  abstract close(): Promise<void>;
  /** Whether it could generate just now, found out without a picture: throws what is wrong. Undefined: only a picture tells. */
  async isFit(_modelId: string, _signal: AbortSignal): Promise<true | undefined> {
    return undefined;
  }
  /**
   * What a picture shows, cut out of its background: a PNG of the same size with transparency. By the model's own means where it has some, else by those that come with
   * Tessera; they are taken for no model, too. Errors: InvalidArgument `unknown_model` | `unreadable_picture` | `unsupported_background_removal`, which is what an engine
   * answers that has no way to do it.
   */
  async removeBackground(_modelId: string | undefined, _picture: Uint8Array, _signal: AbortSignal): Promise<EncodedImage> {
    throw invalidArgument('unsupported_background_removal', 'This engine cannot tell a thing from its background.', { param: 'model_id' });
  }
  /**
   * A picture enlarged to exactly this size, in its proportions; transparency is kept. By the model's own means or by those that come with Tessera, as above. Aborting the
   * signal stops at the next tile with Cancelled. Errors: InvalidArgument `unknown_model` | `unreadable_picture` | `invalid_upscale` | `too_many_megapixels` |
   * `unsupported_upscaling`, which is what an engine answers that has no way to do it.
   */
  // oxlint-disable-next-line require-yield
  async *upscale(
    _modelId: string | undefined,
    _picture: Uint8Array,
    _size: PictureSize,
    _signal: AbortSignal,
  ): AsyncIterable<UpscaleUpdate> {
    throw invalidArgument('unsupported_upscaling', 'This engine cannot enlarge pictures.', { param: 'model_id' });
  }
}
