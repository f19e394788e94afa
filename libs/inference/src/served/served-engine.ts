import { describeModels } from '@tessera/models/describe-models.js';
import { familyOf } from '@tessera/models/families.js';
import { refuseUnlistedSize } from '@tessera/models/listed-sizes.js';
import { repeatCosts, type ServedManifest } from '@tessera/models/served-manifest.js';
import { serverKind } from '@tessera/models/server-kinds.js';
import { cancelled, invalidArgument, resourceExhausted, TesseraError, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import {
  DiffusionEngine,
  type EncodedImage,
  type EngineDescription,
  type GenerateBatch,
  type GenerateRequest,
  type GenerateUpdate,
  type PictureSize,
  type UpscaleUpdate,
} from '../diffusion-engine.js';
import type { BundledTools } from '../bundled-tools.js';
import { refuseUnsupportedBatch } from '../supported-batch.js';
import { deliveredPicture } from './delivered-picture.js';
import { leftOut } from './left-out.js';
import { OpenAiDialect } from './openai-dialect.js';
import type { Dialect, Order, Source } from './order.js';
import { PredictionDialect } from './prediction-dialect.js';
import { type Environment, ServerAccess } from './server-access.js';
import { readSource } from './source.js';

/** Callers queue jobs themselves; more calls than this mean that one of them does not. */
const openCallsMax = 64;

type Served = { readonly family: ServedManifest; readonly access: ServerAccess; readonly dialect: Dialect };

/** Whether anything of a call may have to be paid for. */
type Payment = { isBegun: boolean };

/** Has pictures made by other people's servers: fast engines on machines of one's own, hosted models, another Tessera. Nothing is computed here. */
export class ServedEngine extends DiffusionEngine {
  readonly #served: readonly Served[];
  readonly #closing = new AbortController();
  #openCalls = 0;

  constructor(
    private readonly families: readonly ServedManifest[],
    environment: Environment,
    private readonly logger: Logger,
    private readonly tools: BundledTools,
  ) {
    super();
    this.#served = families.map((family) => {
      const access = new ServerAccess(family, environment);
      const dialect = family.pipeline === 'prediction' ? new PredictionDialect(family, access, logger) : new OpenAiDialect(family, access);
      return { family, access, dialect };
    });
  }

  override async describe(): Promise<EngineDescription> {
    return { engine: 'served', models: describeModels('served', this.families) };
  }

  override async *generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate> {
    refuseUnsupportedBatch(this.families, batch);
    const served = this.#of(batch.modelId);
    const { sizes } = served.family;
    refuseUnlistedSize({ modelId: batch.modelId, ...(sizes ? { sizes } : {}) }, batch.widthPx, batch.heightPx);
    refuseCancelled(signal);
    this.#refuseIfClosed();
    if (this.#openCalls >= openCallsMax)
      throw resourceExhausted('engine_busy', 'The engine has too many pictures waiting.', { retryAfterMs: 1000 });
    this.#openCalls += 1;
    const payment: Payment = { isBegun: false };
    try {
      const stop = AbortSignal.any([signal, this.#closing.signal]);
      // Everything is read before anything is paid for.
      const sources = await Promise.all(batch.requests.map(({ initImage }) => initImage && readSource(initImage, batch)));
      for (const request of batch.requests)
        for (const notice of leftOut(served.family, batch, request)) yield { type: 'notice', requestId: request.requestId, notice };
      for (const [at, request] of batch.requests.entries()) yield* this.#pictures(served, batch, request, sources[at], payment, stop);
    } catch (error) {
      throw this.#reported(error, batch.modelId, payment, signal);
    } finally {
      this.#openCalls -= 1;
    }
  }

  /** Here, not by the server: it costs nobody a call, and all models have it. */
  override async removeBackground(modelId: string | undefined, picture: Uint8Array, signal: AbortSignal): Promise<EncodedImage> {
    this.#refuseIfClosed();
    if (modelId !== undefined) this.#of(modelId);
    return this.tools.removeBackground(picture, signal);
  }

  override async *upscale(
    modelId: string | undefined,
    picture: Uint8Array,
    size: PictureSize,
    signal: AbortSignal,
  ): AsyncIterable<UpscaleUpdate> {
    this.#refuseIfClosed();
    if (modelId !== undefined) this.#of(modelId);
    yield* this.tools.upscale(picture, size, signal);
  }

  /** A wrong setting is better found at the start than by the first job; whether the server is there is the canary's question. */
  override async warm(modelId: string): Promise<void> {
    this.#refuseIfClosed();
    await this.#of(modelId).access.requireKey();
  }

  override async isFit(modelId: string, signal: AbortSignal): Promise<true> {
    this.#refuseIfClosed();
    await this.#of(modelId).dialect.check(AbortSignal.any([signal, this.#closing.signal]));
    return true;
  }

  override async close(): Promise<void> {
    this.#closing.abort();
    await this.tools.close();
  }

  async *#pictures(
    { family, dialect }: Served,
    batch: GenerateBatch,
    request: GenerateRequest,
    source: Source | undefined,
    payment: Payment,
    signal: AbortSignal,
  ): AsyncIterable<GenerateUpdate> {
    const { requestId, images } = request;
    const atOnce = picturesPerRequest(family);
    for (let first = 0; first < images; first += atOnce) {
      refuseCancelled(signal);
      const begun = () => void (payment.isBegun = true);
      const order = orderOf(batch, request, { first, pictures: Math.min(atOnce, images - first), source, begun });
      const startMs = spanTimeMs();
      const { pictures, revisedPrompt } = await dialect.generate(order, signal);
      yield { type: 'phase', phase: 'denoise', startMs, endMs: spanTimeMs(), requestId, index: first };
      if (revisedPrompt !== undefined)
        yield { type: 'notice', requestId, notice: { kind: 'prompt_revised', message: `The provider generated: ${revisedPrompt}` } };
      for (const [at, bytes] of pictures.entries()) {
        const { image, notice } = await deliveredPicture(bytes, order);
        if (notice) yield { type: 'notice', requestId, notice };
        yield { type: 'image', requestId, index: first + at, image };
      }
    }
  }

  #of(modelId: string): Served {
    const served = this.#served.find(({ family }) => familyOf([family], modelId) !== undefined);
    if (!served) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    return served;
  }

  #refuseIfClosed(): void {
    if (this.#closing.signal.aborted) throw unavailable('engine_unavailable', 'The engine has been closed.');
  }

  /** What may have been paid for is never begun again, whatever went wrong afterwards; what the caller did wrong is final anyway. */
  #reported(error: unknown, modelId: string, payment: Payment, signal: AbortSignal): unknown {
    const final = this.#final(error, modelId, payment, signal);
    if (!(final instanceof TesseraError)) return final;
    if (final.reason === 'outcome_unknown' || final.reason === 'paid_unfinished') {
      this.logger.error({ err: final, modelId, reason: final.reason }, 'a server may have to be paid for a job that has no pictures');
    } else if (final.kind === 'Unavailable' && !this.#closing.signal.aborted) {
      this.logger.warn({ err: final, modelId }, 'the engine is not available');
    }
    return final;
  }

  #final(error: unknown, modelId: string, { isBegun }: Payment, signal: AbortSignal): unknown {
    const isFinal = error instanceof TesseraError && (error.kind === 'InvalidArgument' || error.reason === 'outcome_unknown');
    if (isBegun && !isFinal && repeatCosts(this.#of(modelId).family) === 'money') {
      const sentence = error instanceof TesseraError ? error.message : 'The engine broke down.';
      return new TesseraError(
        signal.aborted ? 'Cancelled' : 'Internal',
        'paid_unfinished',
        `${sentence} What was begun is not begun again.`,
        {
          cause: error,
        },
      );
    }
    if (!isFinal && !signal.aborted && this.#closing.signal.aborted)
      return unavailable('engine_unavailable', 'The engine has been closed.');
    return error;
  }
}

const picturesPerRequest = (family: ServedManifest): number =>
  family.pipeline === 'prediction' ? 1 : serverKind(family.kind).picturesPerRequestMax;

type Share = Pick<Order, 'pictures' | 'source' | 'begun'> & { readonly first: number };

function orderOf(batch: GenerateBatch, request: GenerateRequest, { first, ...share }: Share): Order {
  const { modelId, widthPx, heightPx, steps, guidanceScale } = batch;
  const { requestId, prompt, negativePrompt, seed } = request;
  const name = `${requestId} ${first}`;
  return { name, modelId, prompt, negativePrompt, seed: seed + first, widthPx, heightPx, steps, guidanceScale, ...share };
}

function refuseCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
}
