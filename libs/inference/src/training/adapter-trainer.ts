import type { EncodedImage } from '../diffusion-engine.js';
import type { PictureFeatures } from './proof/picture-features.js';

/** What the pictures have in common: how they are drawn, a kind of thing, or one thing that must stay itself. */
export const trainingFocuses = ['style', 'object', 'character'] as const;
export type TrainingFocus = (typeof trainingFocuses)[number];

/** A picture (PNG, JPEG or WebP), and what it shows in the words of a prompt; those of `validation` are never learned from. */
export type TrainingPicture = { readonly bytes: Uint8Array; readonly caption: string; readonly split: 'train' | 'validation' };

/**
 * The word that calls the adapter. Of an object or a character it stands for `noun`, a word that the model knows. A model that reads a closed vocabulary drops the word of a style:
 * there the word only means that the adapter is applied.
 */
export type TrainingTrigger = { readonly word: string; readonly noun?: string };

export type TrainingRequest = {
  readonly modelId: string;
  readonly focus: TrainingFocus;
  /** At least one to learn from. */
  readonly pictures: readonly TrainingPicture[];
  readonly trigger?: TrainingTrigger;
  readonly steps: number;
  /** Width of the adapter's matrices, from 1 to what `describe` allows. */
  readonly rank: number;
  readonly learningRate: number;
  /** The same request with the same seed learns the same, bit by bit. */
  readonly seed: number;
  /** Mirror images and random sections of the pictures. What is lettered or means something by its side must not be mirrored, and a character is refused. */
  readonly augmentation: { readonly flips: boolean; readonly crops: boolean };
  /** Share of the rows that show other things as the model makes them now, against forgetting: from 0 (none) to 0.5. */
  readonly priorShare?: number;
  /** Each with a seed of its own, so that one that stands there twice shows two pictures. */
  readonly samplePrompts: readonly string[];
  /** 0: no samples. They are also made before the first step (without the adapter), after the last, and of the state that the adapter is of. */
  readonly sampleEverySteps: number;
  /** The validation loss is measured as often. Also after the last step. */
  readonly checkpointEverySteps: number;
  /** Ends the training when the validation loss has risen twice running. */
  readonly earlyStop: boolean;
  /** For the metadata of the file; nothing else of it depends on them. */
  readonly about?: { readonly title?: string; readonly license?: string; /** ISO 8601. */ readonly date?: string };
};

export type TrainingDescription = {
  readonly modelId: string;
  /** Undefined: the model cannot be trained here. */
  readonly bounds:
    | {
        readonly picturesMax: number;
        readonly stepsMax: number;
        readonly rankMax: number;
        readonly learningRateMax: number;
        /** Pictures in each step. */
        readonly rows: number;
        /** Pictures are learned from as squares of this side. */
        readonly sidePx: number;
      }
    | undefined;
};

export type TrainingStage = 'load' | 'encode' | 'prior' | 'steps' | 'validate' | 'sample' | 'export';

/** A safetensors file, to be given to `GenerateBatch.adapters`. */
export type TrainedAdapter = {
  readonly bytes: Uint8Array;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** After which step its matrices were as they are. */
  readonly step: number;
};

export type TrainingUpdate =
  /** A stretch of the work that has ended; milliseconds since 1970, fractions included. */
  | { readonly type: 'stage'; readonly stage: TrainingStage; readonly startMs: number; readonly endMs: number }
  | {
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      /** Of this step's noisy pictures: falls on average, not from step to step. */
      readonly loss: number;
      readonly learningRate: number;
    }
  /** At the same noise and times whenever it is measured: of the pictures held out, and of as many that are learned from. At step 0, of the model itself. Without pictures held out there is none. */
  | {
      readonly type: 'validation';
      readonly step: number;
      readonly loss: number;
      readonly trainingLoss: number;
      /** The lowest so far. */
      readonly isBest: boolean;
    }
  /** What `train` goes on from, and `exportCheckpoint` makes an adapter of. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly bytes: Uint8Array }
  /** `index` is the prompt's; with and without the trigger its picture has the same seed. Those without are the model's own and come once, at step 0. */
  | {
      readonly type: 'sample';
      readonly step: number;
      readonly index: number;
      readonly prompt: string;
      readonly withTrigger: boolean;
      readonly image: EncodedImage;
    }
  /** Last of all: the state with the lowest validation loss; without pictures held out, the last. `stepsRun` are fewer than asked for after an early stop. */
  | ({ readonly type: 'adapter'; readonly stepsRun: number } & TrainedAdapter);

export type TrainOptions = {
  /** A checkpoint of the same request: what follows is what would have followed without the interruption, to the byte. */
  readonly from?: Uint8Array;
  readonly signal: AbortSignal;
};

/**
 * Trains an adapter for a model. Never blocks the event loop of the caller. After a step come, as they are due, its validation, its samples and its checkpoint, in this order: whoever
 * holds a checkpoint has been given all that came before it. A reader who falls behind holds the training up; checkpoints do not pile up in memory.
 */
export abstract class AdapterTrainer {
  /** Errors: InvalidArgument `unknown_model`. */
  abstract describe(modelId: string): Promise<TrainingDescription>;
  /**
   * Aborting the signal stops at the next step with Cancelled; the checkpoints that were handed out stay good.
   * Errors: InvalidArgument `unknown_model` | `unsupported_training` | `invalid_training` | `unreadable_picture` | `unreadable_checkpoint` | `foreign_checkpoint`;
   * FailedPrecondition `training_diverged` when the loss is no number any more; Unavailable `trainer_unavailable` when what trains has died.
   */
  abstract train(request: TrainingRequest, options: TrainOptions): AsyncIterable<TrainingUpdate>;
  /** The adapter of a checkpoint that is not the best. Errors as of `train`. */
  abstract exportCheckpoint(request: TrainingRequest, checkpoint: Uint8Array, signal: AbortSignal): Promise<TrainedAdapter>;
  /** What the figures of `proof/` are computed from, in the order of the pictures. Errors: InvalidArgument `unknown_model` | `unreadable_picture`; Unavailable `trainer_unavailable`. */
  abstract measure(modelId: string, pictures: readonly Uint8Array[], signal: AbortSignal): Promise<PictureFeatures[]>;
}
