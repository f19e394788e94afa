import { Worker } from 'node:worker_threads';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, internal, invalidArgument, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { fromFields } from '../../onnx/worker-errors.js';
import {
  AdapterTrainer,
  type TrainedAdapter,
  type TrainingDescription,
  type TrainingRequest,
  type TrainingUpdate,
  type TrainOptions,
} from '../adapter-trainer.js';
import type { PictureFeatures } from '../proof/picture-features.js';
import { refuseUntrainable } from '../refuse-untrainable.js';
import { cancelSlot, type FromTrainer, takenSlot, type TrainerSetup, type TrainerTask, type TrainerYield } from './trainer-protocol.js';

/** What one training may cost; the service that sells trainings has its own, lower limits. */
const picturesMax = 50;
const stepsMax = 20_000;
const learningRateMax = 0.1;
/** The worker's own code, with a large picture beside it. */
const workerHeapMb = 512;

/** Trains with onnxruntime, each adapter in a worker thread of its own. */
export class OnnxTrainer extends AdapterTrainer {
  constructor(
    private readonly manifests: readonly Manifest[],
    private readonly threads: number,
    private readonly logger: Logger,
  ) {
    super();
  }

  override async describe(modelId: string): Promise<TrainingDescription> {
    return describeTraining(modelId, this.#find(modelId).manifest);
  }

  override async *train(request: TrainingRequest, { from, signal }: TrainOptions): AsyncIterable<TrainingUpdate> {
    this.#refuse(request);
    for await (const value of this.#yields(request.modelId, { type: 'train', request, from }, signal))
      if (value.type !== 'exported' && value.type !== 'measured') yield value;
  }

  override async exportCheckpoint(request: TrainingRequest, checkpoint: Uint8Array, signal: AbortSignal): Promise<TrainedAdapter> {
    this.#refuse(request);
    for await (const value of this.#yields(request.modelId, { type: 'export', request, checkpoint }, signal))
      if (value.type === 'exported') return value.adapter;
    throw internal('training_failed', 'The checkpoint could not be exported.');
  }

  override async measure(modelId: string, pictures: readonly Uint8Array[], signal: AbortSignal): Promise<PictureFeatures[]> {
    const measured: PictureFeatures[] = [];
    for await (const value of this.#yields(modelId, { type: 'measure', pictures }, signal))
      if (value.type === 'measured') measured.push(value.features);
    return measured;
  }

  async *#yields(modelId: string, task: TrainerTask, signal: AbortSignal): AsyncIterable<TrainerYield> {
    const { manifest, variant } = this.#find(modelId);
    const stopped = () => cancelled('training_cancelled', 'The training was cancelled.');
    if (signal.aborted) throw stopped();
    const flags = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    const shared = new Int32Array(flags);
    const workerData: TrainerSetup = { manifest, variant, threads: this.threads, task, flags };
    const worker = new Worker(new URL('./trainer.worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
    });
    // The worker waits for its reader.
    const values = new BoundedBuffer<TrainerYield>({ itemsMax: Number.POSITIVE_INFINITY });
    worker.on('message', (message: FromTrainer) => {
      if (message.type === 'yield') values.push(message.value);
      else if (message.type === 'done') values.end();
      else {
        if (message.detail !== undefined) this.logger.error({ detail: message.detail }, 'training failed');
        values.end(fromFields(message.error));
      }
    });
    worker.on('error', (cause) => values.end(unavailable('trainer_unavailable', 'The training thread has died.', { cause })));
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    void exited.then(() => values.end(unavailable('trainer_unavailable', 'The training thread has ended without an adapter.')));
    try {
      for (let value = await values.next(signal); value; value = await values.next(signal)) {
        yield value;
        Atomics.add(shared, takenSlot, 1);
      }
      if (signal.aborted) throw stopped();
    } finally {
      Atomics.store(shared, cancelSlot, 1);
      await exited;
    }
  }

  #refuse(request: TrainingRequest): void {
    refuseUntrainable(request, describeTraining(request.modelId, this.#find(request.modelId).manifest));
  }

  #find(modelId: string) {
    const manifest = this.manifests.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
    const variant = manifest?.variants.find((each) => each.modelId === modelId);
    if (!manifest || !variant) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    return { manifest, variant };
  }
}

function describeTraining(modelId: string, { graphs: { trainStep }, adapters, nativeSidePx: sidePx }: Manifest): TrainingDescription {
  if (!trainStep || !adapters) return { modelId, bounds: undefined };
  return { modelId, bounds: { picturesMax, stepsMax, rankMax: trainStep.rank, learningRateMax, rows: trainStep.rows, sidePx } };
}
