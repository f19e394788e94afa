import type { Manifest } from '@tessera/models/manifest.js';
import type { ErrorFields } from '../onnx/worker-protocol.js';
import type { Likeness } from './similarity.js';

export type MeasureSetup = { readonly manifest: Manifest; readonly threads: number };

export type ToMeasure =
  | { readonly type: 'compare'; readonly callId: number; readonly references: readonly Uint8Array[]; readonly picture: Uint8Array }
  | { readonly type: 'close' };

export type FromMeasure =
  | { readonly type: 'measured'; readonly callId: number; readonly likeness: Likeness }
  | { readonly type: 'failed'; readonly callId: number; readonly error: ErrorFields; readonly detail: string | undefined };
