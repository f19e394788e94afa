import { Inject, Injectable, Optional, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { WorkerService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { capacityOf } from '@tessera/jobs/engine-capacity.js';
import { WorkerLoop } from '@tessera/jobs/worker-loop.js';
import { defaultPool, ModelRegistry } from '@tessera/models/model-registry.js';
import { Config } from '@tessera/platform/config.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { ImageQueue } from './image-queue.js';

/** There is one per data folder, which only one process may use: what it held when it starts, it held in an earlier life. */
const workerId = 'embedded';

/** On shutdown: a picture in hand may be finished, a long batch goes back to the queue. */
const drainMs = 5_000;

/** Paints in the process of the service itself, through the same calls as a worker elsewhere. */
@Injectable()
export class EmbeddedWorker implements OnApplicationBootstrap, OnModuleDestroy {
  #loop: WorkerLoop | undefined;

  constructor(
    @Inject(Config) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    /** Absent in a process whose workers run elsewhere. */
    @Optional() @Inject(DiffusionEngine) private readonly engine: DiffusionEngine | undefined,
    private readonly models: ModelRegistry,
    private readonly queue: ImageQueue,
    private readonly rpc: Rpc,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const models = this.models.list;
    if (!this.engine || models.length === 0) return;
    const takenBack = await this.queue.claims.takeBackFrom(workerId);
    if (takenBack > 0) this.logger.warn({ jobs: takenBack }, 'jobs that were being painted when the process ended go back to the queue');
    const modelVersions = new Map(models.map(({ modelId, version }) => [modelId, version]));
    const options = { workerId, pool: defaultPool, modelVersions, drainMs, warmModelsMax: 1, ...capacityOf[this.config.engine] };
    this.#loop = new WorkerLoop(this.rpc.client(WorkerService), this.rpc.client(StorageService), this.engine, this.logger, options);
    this.#loop.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#loop?.stop();
  }
}
