import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { pause } from '@tessera/platform/concurrency/pause.js';
import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';
import type { Logger } from '@tessera/platform/logger.js';
import type { HeldModel, Runner } from '../runner.js';
import { BatchRun } from './batch-run.js';
import type { Device } from './device.js';
import type { JobFiles } from './job-files.js';
import { WarmModels } from './warm-models.js';
import type { WorkerClient } from './worker-clients.js';

/** How long a claim may wait before the worker asks again; far below the deadline of a call. */
const claimWaitMs = 20_000;
/** After a claim that failed: the other side may be starting. */
const claimRetryMs = 500;

export type WorkerOptions = {
  readonly workerId: string;
  readonly pool: string;
  /** Those of the pool. */
  readonly models: readonly HeldModel[];
  readonly runner: Runner;
  readonly device: Device;
  readonly worker: WorkerClient;
  readonly files: JobFiles;
  readonly logger: Logger;
  /** Called with the change in the number of leased jobs. */
  readonly onLeased?: (jobs: number) => void;
};

/** Claims jobs of one pool for one runner, again and again. Pulls only when a permit is free, so jobs wait in the queue, where order is kept, and not here. */
export class WorkerLoop {
  readonly #batches = new Set<Promise<void>>();
  readonly #permits: Semaphore;
  readonly #warm: WarmModels;
  readonly #modelVersions: ReadonlyMap<string, string>;
  readonly #stopClaiming = new AbortController();
  readonly #handBack = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(private readonly options: WorkerOptions) {
    const { runner, models } = options;
    this.#permits = new Semaphore(runner.capacity.batchesMax);
    this.#warm = new WarmModels(runner.capacity.warmModelsMax);
    this.#modelVersions = new Map(models.map(({ modelId, version }) => [modelId, version]));
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Claims nothing more; finishes what is leased, or after the runner's `drainMs` hands it back unfinished. */
  async stop(): Promise<void> {
    this.#stopClaiming.abort();
    await this.#loop;
    const timer = setTimeout(() => this.#handBack.abort(), this.options.runner.drainMs);
    await Promise.all(this.#batches);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopClaiming;
    while (!signal.aborted) {
      await this.#permits.acquire();
      await this.options.runner.health?.whenFit(signal);
      const leases = await this.#claim();
      if (leases.length === 0) {
        this.#permits.release();
        continue;
      }
      const batch = this.#work(leases).finally(() => {
        this.#permits.release();
        this.#batches.delete(batch);
      });
      this.#batches.add(batch);
    }
  }

  async #claim(): Promise<Lease[]> {
    const { workerId, pool, worker, logger, runner } = this.options;
    const { jobsPerBatchMax, unitsPerBatchMax } = runner.capacity;
    const { signal } = this.#stopClaiming;
    if (signal.aborted) return [];
    try {
      const { leases } = await worker.claim(
        {
          workerId,
          pool,
          kinds: [...runner.kinds],
          modelIds: [...this.#modelVersions.keys()],
          maxJobs: jobsPerBatchMax,
          maxUnits: unitsPerBatchMax,
          waitMs: claimWaitMs,
          warmModelIds: [...this.#warm.modelIds],
        },
        { signal, deadlineMs: claimWaitMs * 2 },
      );
      return leases;
    } catch (error) {
      if (signal.aborted) return [];
      logger.warn({ err: error }, 'claiming failed; it is tried again');
      await pause(claimRetryMs, signal);
      return [];
    }
  }

  async #work(leases: Lease[]): Promise<void> {
    const { onLeased } = this.options;
    onLeased?.(leases.length);
    for (const { work } of leases) if (work) this.#warm.used(work.modelId);
    const run = new BatchRun(leases, { ...this.options, modelVersions: this.#modelVersions });
    const handBack = () => run.handBack();
    this.#handBack.signal.addEventListener('abort', handBack, { once: true });
    if (this.#handBack.signal.aborted) handBack();
    try {
      await run.ended();
    } catch (error) {
      // Leases that nobody renews return to the queue by themselves.
      this.options.logger.error({ err: error, jobIds: leases.map(({ jobId }) => jobId) }, 'a batch broke down');
    } finally {
      this.#handBack.signal.removeEventListener('abort', handBack);
      onLeased?.(-leases.length);
    }
  }
}
