import { Worker } from 'node:worker_threads';
import type { Manifest } from '@tessera/models/manifest.js';
import { unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { fromFields } from '../onnx/worker-errors.js';
import { Similarity, type Likeness } from './similarity.js';
import type { FromMeasure, MeasureSetup, ToMeasure } from './similarity-protocol.js';

/** The worker's own code, with a large picture beside it. */
const workerHeapMb = 256;
/** A worker that is stuck in native code is left to die with the process after this long. */
const closeDeadlineMs = 10_000;

type Call = { readonly resolve: (likeness: Likeness) => void; readonly reject: (error: Error) => void };

/** The measure that ships, in one worker thread; a thread that has died is followed by another with the next call. */
export class MosaicSimilarity extends Similarity {
  readonly #calls = new Map<number, Call>();
  #worker: Worker | undefined;
  #nextCallId = 1;

  constructor(
    private readonly manifest: Manifest,
    private readonly threads: number,
    private readonly logger: Logger,
  ) {
    super();
  }

  override async compare(references: readonly Uint8Array[], picture: Uint8Array): Promise<Likeness> {
    const callId = this.#nextCallId++;
    try {
      return await new Promise<Likeness>((resolve, reject) => {
        this.#calls.set(callId, { resolve, reject });
        this.#worker ??= this.#start();
        // An idle worker must not keep the process alive; a busy one must.
        this.#worker.ref();
        const message: ToMeasure = { type: 'compare', callId, references, picture };
        this.#worker.postMessage(message);
      });
    } finally {
      this.#calls.delete(callId);
      if (this.#calls.size === 0) this.#worker?.unref();
    }
  }

  override async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const deadline = setTimeout(() => void worker.terminate(), closeDeadlineMs);
    const message: ToMeasure = { type: 'close' };
    worker.ref();
    worker.postMessage(message);
    await exited;
    clearTimeout(deadline);
  }

  #start(): Worker {
    const workerData: MeasureSetup = { manifest: this.manifest, threads: this.threads };
    const worker = new Worker(new URL('./similarity.worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
    });
    worker.on('message', (message: FromMeasure) => this.#receive(message));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', (code) => this.#lose(worker, new Error(`The thread that measures ended with code ${code}`)));
    return worker;
  }

  #receive(message: FromMeasure): void {
    const call = this.#calls.get(message.callId);
    if (message.type === 'measured') return call?.resolve(message.likeness);
    if (message.detail !== undefined) this.logger.error({ detail: message.detail }, 'a picture could not be measured');
    call?.reject(fromFields(message.error));
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const error = unavailable('engine_unavailable', 'The thread that measures similarity has ended.', { cause });
    for (const { reject } of this.#calls.values()) reject(error);
  }
}
