import { Worker } from 'node:worker_threads';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, invalidArgument, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { AdapterTrainer, type TrainingRequest, type TrainingUpdate } from './adapter-trainer.js';
import type { Manifest } from '@tessera/models/manifest.js';
import type { FromTrainer, TrainerSetup } from './trainer-protocol.js';
import { fromFields } from '../onnx/worker-errors.js';

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

  override async *train(request: TrainingRequest, signal: AbortSignal): AsyncIterable<TrainingUpdate> {
    const { manifest, variant } = this.#requireTrainable(request);
    const stopped = () => cancelled('training_cancelled', 'The training was cancelled.');
    if (signal.aborted) throw stopped();
    const cancelFlag = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const workerData: TrainerSetup = { manifest, variant, threads: this.threads, request, cancelFlag };
    const worker = new Worker(new URL('./trainer.worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
    });
    // Bounded by the training itself: one for each step.
    const updates = new BoundedBuffer<TrainingUpdate>({ itemsMax: Number.POSITIVE_INFINITY });
    worker.on('message', (message: FromTrainer) => {
      if (message.type === 'update') updates.push(message.update);
      else if (message.type === 'done') updates.end();
      else {
        if (message.detail !== undefined) this.logger.error({ detail: message.detail }, 'training failed');
        updates.end(fromFields(message.error));
      }
    });
    worker.on('error', (cause) => updates.end(unavailable('trainer_unavailable', 'The training thread has died.', { cause })));
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    void exited.then(() => updates.end(unavailable('trainer_unavailable', 'The training thread has ended without an adapter.')));
    try {
      for (let update = await updates.next(signal); update; update = await updates.next(signal)) yield update;
      if (signal.aborted) throw stopped();
    } finally {
      Atomics.store(new Int32Array(cancelFlag), 0, 1);
      await exited;
    }
  }

  #requireTrainable({ modelId, pictures, steps, rank, learningRate }: TrainingRequest) {
    const manifest = this.manifests.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
    const variant = manifest?.variants.find((each) => each.modelId === modelId);
    if (!manifest || !variant) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    if (!manifest.graphs.trainStep) throw invalidArgument('unsupported_training', `${modelId} cannot be taught.`, { param: 'model_id' });
    const requireThat = (isMet: boolean, sentence: string, param: string) => {
      if (!isMet) throw invalidArgument('invalid_training', sentence, { param });
    };
    requireThat(pictures.length >= 1 && pictures.length <= picturesMax, `A training needs 1 to ${picturesMax} pictures.`, 'pictures');
    requireThat(Number.isInteger(steps) && steps >= 1 && steps <= stepsMax, `A training takes 1 to ${stepsMax} steps.`, 'steps');
    requireThat(
      Number.isInteger(rank) && rank >= 1 && rank <= manifest.graphs.trainStep.rank,
      `The rank of an adapter for ${modelId} is from 1 to ${manifest.graphs.trainStep.rank}.`,
      'rank',
    );
    requireThat(
      learningRate > 0 && learningRate <= learningRateMax,
      `The learning rate is above 0, and at most ${learningRateMax}.`,
      'learning_rate',
    );
    return { manifest, variant };
  }
}
