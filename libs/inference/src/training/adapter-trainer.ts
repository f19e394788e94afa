/** A picture to learn from, and what it shows in the words of a prompt: the noun that the adapter is to change comes first. */
export type TrainingPicture = { readonly bytes: Uint8Array; readonly prompt: string };

export type TrainingRequest = {
  readonly modelId: string;
  /** 1 to 50. */
  readonly pictures: readonly TrainingPicture[];
  readonly steps: number;
  /** Width of the adapter's matrices, from 1 to what the model's train-step graph has. */
  readonly rank: number;
  /** Of Adam; 0.001 to 0.002 is usual. */
  readonly learningRate: number;
  /** The same request with the same seed learns the same, bit by bit. */
  readonly seed: number;
};

export type TrainingUpdate =
  | {
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      /** Of this step's noisy pictures: falls on average, not from step to step. */ readonly loss: number;
    }
  /** Last of all: a safetensors file, to be given to `GenerateBatch.adapters`. */
  | { readonly type: 'adapter'; readonly bytes: Uint8Array };

/**
 * Trains an adapter for a model. Never blocks the event loop of the caller.
 * Aborting the signal stops at the next step with Cancelled; nothing of the training remains.
 */
export abstract class AdapterTrainer {
  /** Errors: InvalidArgument `unknown_model` | `unsupported_training` | `invalid_training` | `unreadable_init_image`; Unavailable `trainer_unavailable` when the thread has died. */
  abstract train(request: TrainingRequest, signal: AbortSignal): AsyncIterable<TrainingUpdate>;
}
