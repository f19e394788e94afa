import type { TrainedAdapter, TrainingRequest, TrainingUpdate } from '../adapter-trainer.js';
import type { Manifest, Variant } from '@tessera/models/manifest.js';
import type { ErrorFields } from '../../onnx/worker-protocol.js';
import type { PictureFeatures } from '../proof/picture-features.js';

export type TrainerTask =
  | { readonly type: 'train'; readonly request: TrainingRequest; readonly from: Uint8Array | undefined }
  | { readonly type: 'export'; readonly request: TrainingRequest; readonly checkpoint: Uint8Array }
  | { readonly type: 'measure'; readonly pictures: readonly Uint8Array[] };

/** `flags` hold two Int32. The first: anything but 0 stops the task at its next step. The second counts the updates that the reader has taken. */
export type TrainerSetup = {
  readonly manifest: Manifest;
  readonly variant: Variant;
  readonly threads: number;
  readonly task: TrainerTask;
  readonly flags: SharedArrayBuffer;
};

export const cancelSlot = 0;
export const takenSlot = 1;

/** What a task yields: a training its updates, the others one answer each. */
export type TrainerYield =
  | TrainingUpdate
  | { readonly type: 'exported'; readonly adapter: TrainedAdapter }
  | { readonly type: 'measured'; readonly features: PictureFeatures };

export type FromTrainer =
  | { readonly type: 'yield'; readonly value: TrainerYield }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: ErrorFields; readonly detail: string | undefined };
