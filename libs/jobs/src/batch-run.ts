import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DiffusionEngine, EncodedImage, EngineNotice, GuidanceInput, InitImageInput, GenerateBatch, GenerateRequest, GenerateUpdate } from '@tessera/inference/diffusion-engine.js';
import type { Guidance, ImageRequest, InitImage, Job, JobPreviewSchema, Lease } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { isGuidanceKind } from '@tessera/models/guidance.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import { withTraceparent } from '@tessera/platform/trace.js';
import { jobTrace, PaintingSpans, type JobTrace } from './batch-spans.js';
import type { DeviceTime } from './device-time.js';
import type { EngineHealth } from './engine-health.js';
import { Heartbeats } from './heartbeats.js';
import { noInputPictures, readInputPictures, type InputPictures } from './input-pictures.js';
import { storing } from './engine-metrics.js';
import type { Slots } from './slots.js';
import type { PictureClient, WorkerClient } from './worker-clients.js';

/** Tries to store or report before the work of the GPU is given up. */
const deliveryAttemptsMax = 4;
const deliveryRetryMs = 200;

export type BatchTools = {
  readonly workerId: string;
  readonly worker: WorkerClient;
  readonly pictures: PictureClient;
  readonly engine: DiffusionEngine;
  readonly logger: Logger;
  readonly painting: Slots;
  readonly device: DeviceTime;
  readonly health?: EngineHealth;
  readonly previewEverySteps: number;
  readonly modelVersions: ReadonlyMap<string, string>;
};

type Piece = {
  readonly job: Job;
  readonly request: ImageRequest;
  readonly leaseId: string;
  readonly imageIds: readonly string[];
  readonly images: Map<number, EncodedImage>;
  readonly notices: EngineNotice[];
  readonly trace: JobTrace;
  isDropped: boolean;
};
type Failure = { readonly reason: string; readonly message: string; readonly retryable: boolean };

export const handedBackReason = 'worker_stopping';
const handedBack: Failure = { reason: handedBackReason, message: 'The worker is shutting down.', retryable: true };
/** The engine was gone, as the health check agreed: no job is to blame, and it costs none of them an attempt. */
export const engineLostReason = 'engine_lost';
const engineLost: Failure = { reason: engineLostReason, message: 'The engine of the worker is not there.', retryable: true };

/** One claimed batch on its way through the engine into storage. Every job of it ends here: completed, failed, handed back, or dropped because it is no longer ours. */
export class BatchRun {
  readonly #pieces: Map<string, Piece>;
  readonly #stop = new AbortController();
  readonly #heartbeats: Heartbeats;
  readonly #spans = new PaintingSpans();
  #isHandedBack = false;

  constructor(
    leases: readonly Lease[],
    private readonly tools: BatchTools,
  ) {
    this.#pieces = new Map(leases.flatMap((lease) => pieceOf(lease, tools.workerId)).map((piece) => [piece.job.jobId, piece]));
    this.#heartbeats = new Heartbeats(tools.worker, tools.workerId, () => this.#held(), (jobIds) => this.#drop(jobIds), tools.logger);
  }

  /** Stops painting; what is not painted goes back to the queue. */
  handBack(): void {
    this.#isHandedBack = true;
    this.#stop.abort();
  }

  async finished(): Promise<void> {
    this.#heartbeats.start();
    try {
      const inputs = await this.#readInputs();
      const waitingFromMs = spanTimeMs();
      await this.tools.painting.take();
      this.#spans.waited(this.#traces(), waitingFromMs);
      const startedMs = performance.now();
      const failure = await this.#generate(inputs).finally(() => this.tools.painting.giveBack());
      const deviceSeconds = this.tools.device.taken(startedMs, performance.now());
      await this.#deliver(deviceSeconds * 1_000, failure);
    } finally {
      await this.#heartbeats.stop();
      for (const { trace } of this.#pieces.values()) trace.span.end();
    }
  }

  #held(): { jobId: string; leaseId: string }[] {
    return this.#left().map(({ job, leaseId }) => ({ jobId: job.jobId, leaseId }));
  }

  #traces(): JobTrace[] {
    return this.#left().map(({ trace }) => trace);
  }

  #left(): Piece[] {
    return [...this.#pieces.values()].filter(({ isDropped }) => !isDropped);
  }

  #drop(jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      const piece = this.#pieces.get(jobId);
      if (piece) piece.isDropped = true;
    }
    if (this.#left().length === 0) this.#stop.abort();
  }

  async #readInputs(): Promise<Map<string, InputPictures>> {
    const inputs = new Map<string, InputPictures>();
    for (const piece of this.#left()) {
      try {
        inputs.set(piece.job.jobId, await withTraceparent(piece.trace.traceparent, () => readInputPictures(this.tools.pictures, piece.job.accountId, piece.request, this.#stop.signal)));
      } catch (error) {
        await this.#fail(piece, failureOf(error, true), 0);
      }
    }
    return inputs;
  }

  /** Answers why the batch failed, or nothing when it did not. */
  async #generate(inputs: Map<string, InputPictures>): Promise<Failure | undefined> {
    const pieces = this.#left();
    const [first] = pieces;
    if (!first) return undefined;
    if (this.#stop.signal.aborted) return handedBack;
    const { modelId, widthPx, heightPx, steps, guidanceScale } = first.request;
    // The queue puts only such jobs together as agree on them.
    const adapters = first.request.adapters.map(({ adapterId, weight }) => ({ id: adapterId, weight }));
    const requests = pieces.map((piece) => generateRequestOf(piece, inputs.get(piece.job.jobId) ?? noInputPictures));
    const batch: GenerateBatch = { modelId, widthPx, heightPx, steps, guidanceScale, previewEverySteps: this.tools.previewEverySteps, requests, ...(adapters.length > 0 ? { adapters } : {}) };
    try {
      const images = requests.reduce((sum, request) => sum + request.images, 0);
      await this.#spans.around(this.#traces(), { ...batch, images }, async () => {
        for await (const update of this.tools.engine.generate(batch, this.#stop.signal)) this.#take(update);
      });
      return undefined;
    } catch (error) {
      if (this.#isHandedBack) return handedBack;
      const saysUnavailable = error instanceof TesseraError && error.kind === 'Unavailable';
      return saysUnavailable && (await this.tools.health?.isLost()) ? engineLost : failureOf(error, pieces.length === 1);
    }
  }

  #take(update: GenerateUpdate): void {
    if (update.type === 'phase') return this.#spans.phase(update);
    if (update.type === 'step') {
      this.#spans.step(update.step);
      return this.#heartbeats.step(update.step, update.steps);
    }
    const piece = this.#pieces.get(update.requestId);
    if (!piece) return;
    if (update.type === 'notice') piece.notices.push(update.notice);
    else if (update.type === 'image') piece.images.set(update.index, update.image);
    else this.#heartbeats.preview(update.requestId, previewOf(update));
  }

  async #deliver(computeMs: number, failure: Failure | undefined): Promise<void> {
    const images = [...this.#pieces.values()].reduce((sum, { request }) => sum + request.images, 0);
    await Promise.all(
      this.#left().map(async (piece) => {
        const gpuSeconds = (computeMs / 1_000) * (piece.request.images / images);
        if (failure) return this.#fail(piece, failure, gpuSeconds);
        if (piece.images.size < piece.request.images) {
          return this.#fail(piece, { reason: 'engine_error', message: 'The engine ended without all pictures.', retryable: true }, gpuSeconds);
        }
        try {
          await withTraceparent(piece.trace.traceparent, () => this.#storeAndComplete(piece, computeMs, gpuSeconds));
        } catch (error) {
          if ((error as { reason?: string }).reason === 'lease_lost') return;
          await this.#fail(piece, { reason: 'storage_error', message: 'The pictures could not be stored.', retryable: true }, gpuSeconds);
          this.tools.logger.warn({ err: error, jobId: piece.job.jobId }, 'pictures could not be delivered');
        }
      }),
    );
  }

  async #storeAndComplete(piece: Piece, computeMs: number, gpuSeconds: number): Promise<void> {
    const { worker, pictures } = this.tools;
    const { jobId, accountId } = piece.job;
    const storingFromMs = performance.now();
    const assets = [...piece.images].map(([index, { bytes, contentType, widthPx, heightPx }]) => ({ assetId: piece.imageIds[index] ?? '', index, contentType, widthPx, heightPx, data: bytes }));
    const stored = await deliver(() => pictures.putAssets({ accountId, jobId, assets }));
    const completion = {
      jobId,
      leaseId: piece.leaseId,
      images: stored.assets.map(({ assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 }) => ({ imageId: assetId, index, widthPx, heightPx, contentType, sizeBytes, sha256 })),
      notices: piece.notices.map(({ kind, message }) => ({ kind, message })),
      modelVersion: this.tools.modelVersions.get(piece.request.modelId) ?? '',
      computeMs: BigInt(Math.round(computeMs)),
      storingMs: BigInt(Math.round(performance.now() - storingFromMs)),
      gpuSeconds,
    };
    storing.observe(Number(completion.storingMs) / 1_000);
    await deliver(() => worker.complete(completion));
    piece.isDropped = true;
    piece.trace.span.end();
  }

  async #fail(piece: Piece, { reason, message, retryable }: Failure, gpuSeconds: number): Promise<void> {
    piece.isDropped = true;
    piece.trace.span.fail({ reason, message });
    try {
      await withTraceparent(piece.trace.traceparent, () => deliver(() => this.tools.worker.fail({ jobId: piece.job.jobId, leaseId: piece.leaseId, failure: { reason, message }, retryable, gpuSeconds })));
    } catch (error) {
      // The lease runs out and says the same.
      if ((error as { reason?: string }).reason !== 'lease_lost') this.tools.logger.warn({ err: error, jobId: piece.job.jobId }, 'a failure could not be reported');
    }
  }
}

function pieceOf(lease: Lease, workerId: string): Piece[] {
  const { job, leaseId, imageIds } = lease;
  if (!job?.request) return [];
  return [{ job, request: job.request, leaseId, imageIds, images: new Map(), notices: [], trace: jobTrace(lease, workerId), isDropped: false }];
}

function generateRequestOf({ job, request }: Piece, inputs: InputPictures): GenerateRequest {
  return {
    requestId: job.jobId,
    prompt: request.prompt,
    negativePrompt: request.negativePrompt,
    seed: Number(request.seed ?? 0n),
    images: request.images,
    style: request.style,
    ...(request.initImage ? { initImage: initImageOf(request.initImage, inputs) } : {}),
    ...(request.guidance.length > 0 ? { guidance: request.guidance.flatMap((guidance) => guidanceOf(guidance, inputs)) } : {}),
  };
}

function initImageOf({ assetId, strength, maskAssetId, placement }: InitImage, inputs: InputPictures): InitImageInput {
  const mask = inputs.get(maskAssetId);
  return { bytes: inputs.get(assetId) ?? new Uint8Array(), strength, ...(mask ? { mask } : {}), ...(placement ? { placement } : {}) };
}

/** What this worker's version does not know was refused when the job was accepted. */
function guidanceOf({ kind, assetId, strength, subject }: Guidance, inputs: InputPictures): GuidanceInput[] {
  return isGuidanceKind(kind) ? [{ kind, bytes: inputs.get(assetId) ?? new Uint8Array(), strength, subject }] : [];
}

const previewOf = (update: Extract<GenerateUpdate, { type: 'preview' }>): MessageInitShape<typeof JobPreviewSchema> => ({
  index: update.index,
  step: update.step,
  contentType: update.image.contentType,
  data: update.image.bytes,
});

/** The request itself is to blame only if it was alone in its batch: else each is tried again by itself. */
function failureOf(error: unknown, wasAlone: boolean): Failure {
  if (error instanceof TesseraError && !error.retryable && error.kind !== 'Internal' && error.kind !== 'Cancelled' && wasAlone) {
    return { reason: error.reason, message: error.message, retryable: false };
  }
  return { reason: 'engine_error', message: error instanceof TesseraError ? error.message : 'The engine broke down.', retryable: true };
}

/** Again and again while the other side says that this may help. */
async function deliver<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const mayHelp = error instanceof TesseraError && error.retryable;
      if (!mayHelp || attempt >= deliveryAttemptsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, deliveryRetryMs * attempt));
    }
  }
}
