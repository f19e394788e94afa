import { Worker } from 'node:worker_threads';
import { describeModels } from '@tessera/models/describe-models.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, internal, resourceExhausted, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import {
  DiffusionEngine,
  type EncodedImage,
  type EngineDescription,
  type GenerateBatch,
  type GenerateUpdate,
  type PictureSize,
  type UpscaleUpdate,
} from '../diffusion-engine.js';
import { refuseUnsupportedBatch } from '../supported-batch.js';
import { fromFields } from './worker-errors.js';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-protocol.js';

/** Callers queue jobs themselves; more calls than this mean that one of them does not. */
const openCallsMax = 64;
/** A worker that is stuck in native code is left to die with the process after this long. */
const closeDeadlineMs = 10_000;
/** Below this the worker's own code would not fit beside a large picture. */
const workerHeapMb = 512;

type Call = { readonly push: (update: GenerateUpdate) => void; readonly settle: (error: Error | undefined) => void };

/** Generates in one worker thread with onnxruntime; restarts it when it has died. */
export class OnnxEngine extends DiffusionEngine {
  readonly #calls = new Map<number, Call>();
  #worker: Worker | undefined;
  #nextCallId = 1;
  #isClosed = false;

  constructor(
    private readonly manifests: readonly Manifest[],
    private readonly threads: number,
    private readonly logger: Logger,
    private readonly workerUrl = new URL('./onnx.worker.js', import.meta.url),
  ) {
    super();
  }

  override async describe(): Promise<EngineDescription> {
    return { engine: 'onnx', models: describeModels('onnx', this.manifests) };
  }

  override async *generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate> {
    refuseUnsupportedBatch(this.manifests, batch);
    yield* this.#updates((callId, cancelFlag) => ({ type: 'generate', callId, askedMs: spanTimeMs(), batch, cancelFlag }), signal);
  }

  override async removeBackground(modelId: string | undefined, picture: Uint8Array, signal: AbortSignal): Promise<EncodedImage> {
    for await (const update of this.#updates((callId, cancelFlag) => ({ type: 'cutOut', callId, modelId, picture, cancelFlag }), signal))
      if (update.type === 'image') return update.image;
    throw internal('painting_failed', 'The picture could not be cut out.');
  }

  override async *upscale(
    modelId: string | undefined,
    picture: Uint8Array,
    size: PictureSize,
    signal: AbortSignal,
  ): AsyncIterable<UpscaleUpdate> {
    const messageOf = (callId: number, cancelFlag: SharedArrayBuffer) =>
      ({ type: 'upscale', callId, modelId, picture, size, cancelFlag }) as const;
    for await (const update of this.#updates(messageOf, signal)) if (update.type === 'step' || update.type === 'image') yield update;
  }

  async *#updates(
    messageOf: (callId: number, cancelFlag: SharedArrayBuffer) => ToWorker,
    signal: AbortSignal,
  ): AsyncIterable<GenerateUpdate> {
    const stopped = () => cancelled('painting_cancelled', 'The painting was cancelled.');
    if (signal.aborted) throw stopped();
    const cancelFlag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const stop = () => void Atomics.store(new Int32Array(cancelFlag), 0, 1);
    // Bounded by the call itself: steps, and pictures with their previews.
    const updates = new BoundedBuffer<GenerateUpdate>({ itemsMax: Number.POSITIVE_INFINITY });
    const callId = this.#open({ push: (update) => updates.push(update), settle: (error) => updates.end(error) });
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.#post(messageOf(callId, cancelFlag));
      for (let update = await updates.next(signal); update; update = await updates.next(signal)) yield update;
      if (signal.aborted) throw stopped();
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
      this.#forget(callId);
    }
  }

  override async warm(modelId: string): Promise<void> {
    let callId = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        callId = this.#open({ push: () => {}, settle: (error) => (error ? reject(error) : resolve()) });
        this.#post({ type: 'warm', callId, modelId });
      });
    } finally {
      this.#forget(callId);
    }
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    this.#failAll(unavailable('engine_unavailable', 'The engine has been closed.'));
    const worker = this.#worker;
    if (!worker) return;
    this.#worker = undefined;
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const deadline = setTimeout(() => void worker.terminate(), closeDeadlineMs);
    const message: ToWorker = { type: 'close' };
    worker.ref();
    worker.postMessage(message);
    await exited;
    clearTimeout(deadline);
  }

  #open(call: Call): number {
    if (this.#isClosed) throw unavailable('engine_unavailable', 'The engine has been closed.');
    if (this.#calls.size >= openCallsMax)
      throw resourceExhausted('engine_busy', 'The engine has too many pictures waiting.', { retryAfterMs: 1000 });
    const callId = this.#nextCallId++;
    this.#calls.set(callId, call);
    return callId;
  }

  #post(message: ToWorker): void {
    this.#worker ??= this.#start();
    // An idle worker must not keep the process alive; a busy one must.
    this.#worker.ref();
    this.#worker.postMessage(message);
  }

  #forget(callId: number): void {
    this.#calls.delete(callId);
    if (this.#calls.size === 0) this.#worker?.unref();
  }

  #start(): Worker {
    const workerData: WorkerSetup = { manifests: this.manifests, threads: this.threads };
    const worker = new Worker(this.workerUrl, { workerData, resourceLimits: { maxOldGenerationSizeMb: workerHeapMb } });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', (code) => this.#lose(worker, new Error(`The inference thread ended with code ${code}`)));
    return worker;
  }

  #receive(message: FromWorker): void {
    const call = this.#calls.get(message.callId);
    if (message.type === 'failed' && message.detail !== undefined) this.logger.error({ detail: message.detail }, 'generation failed');
    if (message.type === 'update') call?.push(message.update);
    else call?.settle(message.type === 'failed' ? fromFields(message.error) : undefined);
  }

  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.logger.error({ err: error }, 'the inference thread died; the next picture starts a new one');
    this.#failAll(unavailable('engine_unavailable', 'The inference engine has died and restarts with the next picture.', { cause: error }));
  }

  #failAll(error: Error): void {
    for (const call of this.#calls.values()) call.settle(error);
  }
}
