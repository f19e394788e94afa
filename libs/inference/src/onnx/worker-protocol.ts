import type { ErrorKind, Reason } from '@tessera/platform/errors.js';
import type { GenerateBatch, GenerateUpdate, PictureSize } from '../diffusion-engine.js';
import type { Manifest } from '@tessera/models/manifest.js';

export type WorkerSetup = { readonly manifests: readonly Manifest[]; readonly threads: number };

/** `cancelFlag` holds one Int32: anything but 0 stops the call at its next step, without a message that would wait behind the generation. */
export type ToWorker =
  | {
      readonly type: 'generate';
      readonly callId: number;
      /** When the caller asked, milliseconds since 1970: the thread may have to start first. */ readonly askedMs: number;
      readonly batch: GenerateBatch;
      readonly cancelFlag: SharedArrayBuffer;
    }
  /** Answers with one image. */
  | {
      readonly type: 'cutOut';
      readonly callId: number;
      readonly modelId: string | undefined;
      readonly picture: Uint8Array;
      readonly cancelFlag: SharedArrayBuffer;
    }
  /** Answers with steps and one image. */
  | {
      readonly type: 'upscale';
      readonly callId: number;
      readonly modelId: string | undefined;
      readonly picture: Uint8Array;
      readonly size: PictureSize;
      readonly cancelFlag: SharedArrayBuffer;
    }
  | { readonly type: 'warm'; readonly callId: number; readonly modelId: string }
  | { readonly type: 'close' };

/** A TesseraError's fields: its class does not survive the copy between threads. */
export type ErrorFields = {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly message: string;
  readonly param: string | undefined;
};

export type FromWorker =
  | { readonly type: 'update'; readonly callId: number; readonly update: GenerateUpdate }
  | { readonly type: 'done'; readonly callId: number }
  | { readonly type: 'failed'; readonly callId: number; readonly error: ErrorFields; readonly detail: string | undefined };
