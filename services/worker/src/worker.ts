import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { WorkerService } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { Config } from '@tessera/platform/config.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Device } from './loop/device.js';
import { JobFiles } from './loop/job-files.js';
import { WorkerLoop } from './loop/worker-loop.js';
import { PodDeletionCost } from './pod-deletion-cost.js';
import type { HeldModel, Runner } from './runner.js';
import { WorkerProcess } from './worker-process.js';

/** Injection token of the runners, one for each family of kinds. */
export const RUNNERS = Symbol('Runners');

/** Runs a loop for each runner and pool: alone for its own pool, in the single process for all pools of its models. */
@Injectable()
export class Worker implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #loops: WorkerLoop[] = [];
  readonly #queue: RpcClient<typeof WorkerService>;
  #leasedJobs = 0;

  constructor(
    @Inject(Config) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(RUNNERS) private readonly runners: readonly Runner[],
    private readonly process: WorkerProcess,
    private readonly deletionCost: PodDeletionCost,
    private readonly files: JobFiles,
    rpc: Rpc,
  ) {
    this.#queue = rpc.client(WorkerService);
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.process.isEmbedded) this.#requirePeers();
    const held = await Promise.all(this.runners.map(async (runner) => ({ runner, models: this.#ownOf(await runner.describe()) })));
    if (!this.process.isEmbedded && held.every(({ models }) => models.length === 0))
      throw new Error(`There is no model for the pool "${this.config.pool}": see TESSERA_MODELS, TESSERA_POOL and TESSERA_MODEL_POOLS.`);
    if (this.process.isEmbedded) await this.#reclaim();
    for (const { runner, models } of held) if (models.length > 0) await this.#start(runner, models);
    this.deletionCost.holds(0);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
    if (this.#loops.length > 0) await this.#deregister();
    await Promise.all(this.runners.map((runner) => runner.close()));
    await this.deletionCost.close();
  }

  #requirePeers(): void {
    const { jobs, storage } = this.config.peers;
    if (jobs === undefined || storage === undefined)
      throw new Error(
        'A worker needs the jobs and the storage service: set TESSERA_PEERS, for example to jobs=127.0.0.1:9003,storage=127.0.0.1:9002.',
      );
  }

  /** Alone, those of its pool; where nothing is said of pools, all that it holds. */
  #ownOf(held: readonly HeldModel[]): readonly HeldModel[] {
    const { pool, modelPools } = this.config;
    if (this.process.isEmbedded) return held;
    return Object.keys(modelPools).length === 0 ? held.map((model) => ({ ...model, pool })) : held.filter((model) => model.pool === pool);
  }

  async #reclaim(): Promise<void> {
    const { returned } = await this.#queue.reclaim({ workerId: this.process.workerId });
    if (returned > 0) this.logger.warn({ jobs: returned }, 'jobs that were running when the process ended return to the queue');
  }

  async #start(runner: Runner, models: readonly HeldModel[]): Promise<void> {
    await runner.prepare(models.map(({ modelId }) => modelId));
    const device = new Device(runner.capacity.computingMax);
    const { workerId } = this.process;
    for (const pool of new Set(models.map((model) => model.pool))) {
      const options = {
        workerId,
        pool,
        models: models.filter((model) => model.pool === pool),
        runner,
        device,
        worker: this.#queue,
        files: this.files,
        logger: this.logger,
        onLeased: (jobs: number) => this.#leased(jobs),
      };
      const loop = new WorkerLoop(options);
      this.#loops.push(loop);
      loop.start();
    }
  }

  #leased(jobs: number): void {
    this.#leasedJobs += jobs;
    this.deletionCost.holds(this.#leasedJobs);
  }

  /** A claim that was cut off may have been granted: its answer is lost, and nobody would run those jobs before their leases end. */
  async #deregister(): Promise<void> {
    try {
      await this.#queue.deregister({ workerId: this.process.workerId });
    } catch (error) {
      this.logger.warn({ err: error }, 'deregistering failed; what is still leased to this worker returns when its lease ends');
    }
  }
}
