import type { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import type { Lease } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Logger } from '@tessera/platform/logger.js';
import { BatchRun } from './batch-run.js';
import { DeviceTime } from './device-time.js';
import type { EngineHealth } from './engine-health.js';
import { Slots } from './slots.js';
import { WarmModels } from './warm-models.js';
import type { PictureClient, WorkerClient } from './worker-clients.js';

/** How long a claim may wait before the worker asks again; far below the deadline of a call. */
const claimWaitMs = 20_000;
/** After a claim that failed: the other side may be starting. */
const claimRetryMs = 500;

export type WorkerOptions = {
  readonly workerId: string;
  readonly pool: string;
  /** Version by id of the models that it holds. */
  readonly modelVersions: ReadonlyMap<string, string>;
  readonly jobsPerBatchMax: number;
  readonly imagesPerBatchMax: number;
  /** Batches that the engine paints side by side; 1 for a real one. */
  readonly paintingMax: number;
  /** Batches in hand at once: those being painted, and others being stored or prefetched. */
  readonly batchesMax: number;
  /** How long `stop` lets the batches in hand go on before it hands them back. */
  readonly drainMs: number;
  /** A preview every so many steps; 0 for none. */
  readonly previewEverySteps: number;
  /** Models that the engine keeps loaded. */
  readonly warmModelsMax: number;
  /** Nothing is claimed while it says that the engine is not fit. */
  readonly health?: EngineHealth;
  /** Told how many jobs are in hand, whenever that changes. */
  readonly onHeld?: (jobs: number) => void;
};

/** Claims, paints, stores, completes, again and again. Pulls only when it has a free hand, so jobs wait in the queue, where order is kept, and not here. */
export class WorkerLoop {
  readonly #inHand = new Set<Promise<void>>();
  readonly #hands: Slots;
  readonly #painting: Slots;
  readonly #device = new DeviceTime();
  readonly #warm: WarmModels;
  #heldJobs = 0;
  readonly #noMore = new AbortController();
  readonly #handBack = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly worker: WorkerClient,
    private readonly pictures: PictureClient,
    private readonly engine: DiffusionEngine,
    private readonly logger: Logger,
    private readonly options: WorkerOptions,
  ) {
    this.#hands = new Slots(options.batchesMax);
    this.#painting = new Slots(options.paintingMax);
    this.#warm = new WarmModels(options.warmModelsMax);
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Claims nothing more; finishes what it holds, or after `drainMs` hands it back unfinished. */
  async stop(): Promise<void> {
    this.#noMore.abort();
    await this.#loop;
    const timer = setTimeout(() => this.#handBack.abort(), this.options.drainMs);
    await Promise.all(this.#inHand);
    clearTimeout(timer);
    await this.#leave();
  }

  async #run(): Promise<void> {
    while (!this.#noMore.signal.aborted) {
      await this.#hands.take();
      await this.options.health?.whenFit(this.#noMore.signal);
      const leases = await this.#claim();
      if (leases.length === 0) {
        this.#hands.giveBack();
        continue;
      }
      const batch = this.#work(leases).finally(() => {
        this.#hands.giveBack();
        this.#inHand.delete(batch);
      });
      this.#inHand.add(batch);
    }
  }

  async #claim(): Promise<Lease[]> {
    const { workerId, pool, modelVersions, jobsPerBatchMax, imagesPerBatchMax } = this.options;
    const { signal } = this.#noMore;
    if (signal.aborted) return [];
    try {
      const { leases } = await this.worker.claim(
        { workerId, pool, modelIds: [...modelVersions.keys()], maxJobs: jobsPerBatchMax, maxImages: imagesPerBatchMax, waitMs: claimWaitMs, warmModelIds: [...this.#warm.modelIds] },
        { signal, deadlineMs: claimWaitMs * 2 },
      );
      return leases;
    } catch (error) {
      if (signal.aborted) return [];
      this.logger.warn({ err: error }, 'claiming failed; it is tried again');
      await pause(claimRetryMs, signal);
      return [];
    }
  }

  /** A claim that was cut off may have been granted: its answer is lost, and nobody would paint those jobs before their leases run out. */
  async #leave(): Promise<void> {
    try {
      await this.worker.leave({ workerId: this.options.workerId });
    } catch (error) {
      this.logger.warn({ err: error }, 'leaving was not heard; what is still leased to this worker returns when its lease runs out');
    }
  }

  async #work(leases: Lease[]): Promise<void> {
    this.#hold(+leases.length);
    for (const { job } of leases) if (job?.request) this.#warm.painted(job.request.modelId);
    const run = new BatchRun(leases, { ...this.options, worker: this.worker, pictures: this.pictures, engine: this.engine, logger: this.logger, painting: this.#painting, device: this.#device });
    const handBack = () => run.handBack();
    this.#handBack.signal.addEventListener('abort', handBack, { once: true });
    if (this.#handBack.signal.aborted) handBack();
    try {
      await run.finished();
    } catch (error) {
      // Leases that nobody renews return to the queue by themselves.
      this.logger.error({ err: error, jobIds: leases.map(({ job }) => job?.jobId) }, 'a batch broke down');
    } finally {
      this.#handBack.signal.removeEventListener('abort', handBack);
      this.#hold(-leases.length);
    }
  }

  #hold(jobs: number): void {
    this.#heldJobs += jobs;
    this.options.onHeld?.(this.#heldJobs);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
