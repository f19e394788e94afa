import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { DiffusionEngine, type GenerateUpdate } from '@tessera/inference/diffusion-engine.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { defaultPool } from '@tessera/models/model-registry.js';
import { Config } from '@tessera/platform/config.js';
import { HealthChecks } from '@tessera/platform/health.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import { Rpc } from '@tessera/rpc/rpc.js';
import { failureOf } from '../../loop/failures.js';
import type { StorageClient } from '../../loop/worker-clients.js';
import { Runner, type HeldModel, type Update } from '../../runner.js';
import { WorkerProcess } from '../../worker-process.js';
import { Canary, tinyBatch } from './canary.js';
import { capacityOf } from './engine-capacity.js';
import { imageBatch, type ImageJob } from './image-batch.js';
import { operate } from './picture-operation.js';
import { readInputPictures } from './input-pictures.js';
import { UploadedAdapters } from './uploaded-adapters.js';

const canarySecondsDefault = 60;
/** Inside the single process: a picture may be finished, a long batch goes back to the queue. */
const embeddedDrainMs = 5_000;

/** Turns a batch of leased image jobs into one call of the engine. */
@Injectable()
export class ImageRunner extends Runner {
  override readonly kinds = ['image'];
  override readonly capacity;
  override readonly drainMs;
  readonly #storage: Pick<StorageClient, 'readAsset'>;
  readonly #adapters: UploadedAdapters;
  #canary: Canary | undefined;
  #batches = 0;

  constructor(
    private readonly engine: DiffusionEngine,
    @Inject(Config) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    rpc: Rpc,
    private readonly process: WorkerProcess,
    private readonly healthChecks: HealthChecks,
  ) {
    super();
    this.capacity = capacityOf[config.engine];
    this.drainMs = process.isEmbedded ? embeddedDrainMs : config.drainSeconds * 1_000;
    this.#storage = rpc.client(StorageService);
    this.#adapters = new UploadedAdapters(this.#storage);
  }

  override get health(): Canary | undefined {
    return this.#canary;
  }

  override async describe(): Promise<readonly HeldModel[]> {
    return (await this.engine.describe()).models.map(({ modelId, version }) => ({
      modelId,
      version,
      pool: this.config.modelPools[modelId] ?? defaultPool,
    }));
  }

  /** In the single process, weights are loaded when they are first needed, and the engine is trusted: both cost an idle installation what nobody has asked for. */
  override async prepare(modelIds: readonly string[]): Promise<void> {
    if (this.process.isEmbedded) return;
    const models = (await this.engine.describe()).models.filter(({ modelId }) => modelIds.includes(modelId));
    const first = models.find(({ isDefault }) => isDefault) ?? models[0];
    if (!first) return;
    await this.engine.warm(first.modelId);
    this.#startCanary(first);
  }

  override async *run(leases: readonly Lease[], signal: AbortSignal): AsyncIterable<Update> {
    this.#batches += 1;
    try {
      const jobs: ImageJob[] = [];
      for (const lease of leases) {
        const job = await this.#read(lease, signal);
        if ('type' in job) yield job;
        else jobs.push(job);
      }
      const [first] = jobs;
      if (!first) return;
      // Jobs of a batch name the same adapters, and only their owner may: they are of one account.
      const uploaded = await this.#adapters.read(first.lease.accountId, first.request, signal);
      yield { type: 'needs_device' };
      if (first.request.operation) yield* operate(this.engine, first, signal);
      else yield* this.#generate(first, jobs, uploaded, signal);
    } finally {
      this.#batches -= 1;
    }
  }

  override async close(): Promise<void> {
    this.#canary?.stop();
  }

  #startCanary(model: ModelInfo): void {
    const everyMs = (this.config.canarySeconds ?? canarySecondsDefault) * 1_000;
    const canary = new Canary({
      engine: this.engine,
      logger: this.logger,
      batch: tinyBatch(model),
      everyMs,
      isIdle: () => this.#batches === 0,
    });
    canary.start();
    this.#canary = canary;
    this.healthChecks.add('engine', async () => canary.requireFit());
  }

  /** The job with the pictures that it brings along, or why they cannot be had. */
  async #read(lease: Lease, signal: AbortSignal): Promise<ImageJob | Extract<Update, { type: 'failed' }>> {
    const { jobId, accountId, payload, traceparent } = lease;
    const request = payload && anyUnpack(payload, ImageRequestSchema);
    if (!request)
      return { type: 'failed', jobId, reason: 'unreadable_payload', message: 'The job carries no request for an image.', retryable: false };
    try {
      const inputs = await withTraceparent(traceparent || undefined, () => readInputPictures(this.#storage, accountId, request, signal));
      return { lease, request, inputs };
    } catch (error) {
      if (signal.aborted) throw error;
      const { reason, message, retryable } = failureOf(error, true);
      return { type: 'failed', jobId, reason, message, retryable };
    }
  }

  async *#generate(
    first: ImageJob,
    jobs: readonly ImageJob[],
    uploaded: ReadonlyMap<string, Uint8Array>,
    signal: AbortSignal,
  ): AsyncIterable<Update> {
    const images = new Map<string, number>();
    for await (const update of this.engine.generate(
      imageBatch(first.request, jobs, uploaded, capacityOf[this.config.engine].previewEverySteps),
      signal,
    )) {
      if (update.type === 'image') images.set(update.requestId, (images.get(update.requestId) ?? 0) + 1);
      yield updateOf(update);
    }
    for (const { lease, request } of jobs) {
      if ((images.get(lease.jobId) ?? 0) >= request.images) yield { type: 'finished', jobId: lease.jobId, units: request.images };
    }
  }
}

function updateOf(update: GenerateUpdate): Update {
  switch (update.type) {
    case 'step':
      return { type: 'progress', step: update.step, steps: update.steps };
    case 'phase': {
      const { phase, startMs, endMs, requestId, index } = update;
      return {
        type: 'phase',
        phase,
        startMs,
        endMs,
        ...(requestId === undefined ? {} : { jobId: requestId }),
        ...(index === undefined ? {} : { index }),
      };
    }
    case 'notice':
      return { type: 'notice', jobId: update.requestId, ...update.notice };
    case 'preview': {
      const { requestId, index, step, image } = update;
      return { type: 'preview', jobId: requestId, index, step, contentType: image.contentType, data: image.bytes };
    }
    case 'image': {
      const { requestId, index, image } = update;
      return {
        type: 'output',
        jobId: requestId,
        index,
        contentType: image.contentType,
        content: image.bytes,
        widthPx: image.widthPx,
        heightPx: image.heightPx,
      };
    }
  }
}
