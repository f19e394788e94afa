import type { TrainingRequest, TrainingUpdate } from './adapter-trainer.js';
import type { Manifest, Variant } from '@tessera/models/manifest.js';
import type { ErrorFields } from '../onnx/worker-protocol.js';

/** `cancelFlag` holds one Int32: anything but 0 stops the training at its next step. */
export type TrainerSetup = {
  readonly manifest: Manifest;
  readonly variant: Variant;
  readonly threads: number;
  readonly request: TrainingRequest;
  readonly cancelFlag: SharedArrayBuffer;
};

export type FromTrainer =
  | { readonly type: 'update'; readonly update: TrainingUpdate }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: ErrorFields; readonly detail: string | undefined };
