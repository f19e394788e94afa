import { Counter, register } from 'prom-client';
import { describeModels } from '@tessera/models/describe-models.js';
import { type Family, familyOf, isFlow, isOwn, type OwnFamily } from '@tessera/models/families.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, internal, invalidArgument, resourceExhausted, TesseraError, unavailable } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import {
  DiffusionEngine,
  type EncodedImage,
  type EngineDescription,
  type GenerateBatch,
  type GenerateUpdate,
  type PictureSize,
  type UpscaleUpdate,
} from '../diffusion-engine.js';
import { refuseUnsupportedBatch } from '../supported-batch.js';
import type { Manifest } from '@tessera/models/manifest.js';
import type { Enlarger } from '../flow/pictures/enlarger.js';
import { upscale } from '../flow/pictures/upscale.js';
import type { BundledTools } from '../bundled-tools.js';
import { withoutBackground } from '../flow/subjects/matting.js';
import { LoadedModels } from '../flow/model.js';
import { encodePngPixels, encodePreviewPixels } from '../flow/pictures/pictures.js';
import { runWithAdapters } from './adapter-exchange.js';
import { composeForFlow, placeOf, type Composition } from './composition.js';
import { adaptersOf, composeForDiffusers } from './diffusers-composition.js';
import { RemoteSessions } from './remote-sessions.js';
import type { Answer, RemoteTasks } from './remote-tasks.js';

/** Callers queue jobs themselves; more calls than this mean that one of them does not. */
const openCallsMax = 64;
/** Loading the weights of a large pipeline from a network disk. */
const warmWithinMs = 15 * 60_000;

/** Triton counts a request that its model cancelled as a success. The name is older than the other way to run the tasks. */
const cancellations = () =>
  (register.getSingleMetric('tessera_triton_cancellations_total') as Counter | undefined) ??
  new Counter({ name: 'tessera_triton_cancellations_total', help: 'Batches that were cancelled while Triton painted them.' });

/** Composes pictures in this process and has the graphs and pipelines run elsewhere: in a Triton Inference Server or a Python process, several batches side by side. */
export class RemoteEngine extends DiffusionEngine {
  readonly #models: LoadedModels;
  readonly #closing = new AbortController();
  #openCalls = 0;

  constructor(
    private readonly kind: 'triton' | 'python',
    private readonly families: readonly Family[],
    private readonly remote: RemoteTasks,
    private readonly logger: Logger,
    /** For when no family here can enlarge or cut out. */
    private readonly tools: BundledTools,
  ) {
    super();
    this.#models = new LoadedModels(families.filter(isFlow));
  }

  /** Asks nobody: the services that only offer models read the same manifests. */
  override async describe(): Promise<EngineDescription> {
    return { engine: this.kind, models: describeModels(this.kind, this.families) };
  }

  override async *generate(batch: GenerateBatch, signal: AbortSignal): AsyncIterable<GenerateUpdate> {
    refuseUnsupportedBatch(this.families, batch);
    if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    this.#refuseIfClosed();
    if (this.#openCalls >= openCallsMax)
      throw resourceExhausted('engine_busy', 'The engine has too many pictures waiting.', { retryAfterMs: 1000 });
    this.#openCalls += 1;
    try {
      const stop = AbortSignal.any([signal, this.#closing.signal]);
      const askedMs = spanTimeMs();
      const composition = await this.#compose(batch, stop);
      const phases = new AnswerPhases();
      yield { type: 'phase', phase: 'conditioning', startMs: askedMs, endMs: spanTimeMs() };
      for (const notice of composition.notices) yield { type: 'notice', ...notice };
      const notices = new Notices(composition);
      for await (const answer of runWithAdapters(this.remote, composition, stop)) {
        yield* phases.arrived(answer);
        yield* notices.arrived(answer);
        const update = await updateOf(answer, composition, batch);
        if (update?.type === 'image') yield phases.encoded(update);
        if (update) yield update;
      }
    } catch (error) {
      throw this.#reported(error, signal);
    } finally {
      this.#openCalls -= 1;
    }
  }

  override async removeBackground(modelId: string | undefined, picture: Uint8Array, signal: AbortSignal): Promise<EncodedImage> {
    this.#refuseIfClosed();
    const family = this.#familyWith(modelId, (each): each is Manifest => isFlow(each) && each.graphs.matting !== undefined);
    if (!family) return this.tools.removeBackground(picture, signal);
    const stop = AbortSignal.any([signal, this.#closing.signal]);
    try {
      return await withoutBackground(picture, family, new RemoteSessions(this.remote, family, placeOf(family), stop));
    } catch (error) {
      throw this.#reported(error, signal);
    }
  }

  override async *upscale(
    modelId: string | undefined,
    picture: Uint8Array,
    size: PictureSize,
    signal: AbortSignal,
  ): AsyncIterable<UpscaleUpdate> {
    this.#refuseIfClosed();
    const family = this.#familyWith(
      modelId,
      (each): each is OwnFamily & Enlarger => isOwn(each) && (each.superResolution ?? []).length > 0,
    );
    if (!family) {
      yield* this.tools.upscale(picture, size, signal);
      return;
    }
    const abandoned = new AbortController();
    const stop = AbortSignal.any([signal, this.#closing.signal, abandoned.signal]);
    const updates = new BoundedBuffer<UpscaleUpdate>({ itemsMax: Number.POSITIVE_INFINITY });
    const upscaling = { picture, size, emit: (update: UpscaleUpdate) => updates.push(update), isCancelled: () => stop.aborted };
    upscale(upscaling, family, new RemoteSessions(this.remote, family, placeOf(family), stop)).then(
      () => updates.end(),
      (error: unknown) => updates.end(this.#reported(error, signal) as Error),
    );
    try {
      yield* updates;
    } finally {
      abandoned.abort();
    }
  }

  override async warm(modelId: string): Promise<void> {
    this.#refuseIfClosed();
    await this.remote.check(this.families);
    const family = this.#family(modelId);
    const adapters = isFlow(family) ? [] : adaptersOf(family, modelId);
    const stop = AbortSignal.any([AbortSignal.timeout(warmWithinMs), this.#closing.signal]);
    for await (const _ of this.remote.run({ task: 'warm', ...placeOf(family), adapters }, new Map(), stop));
  }

  override async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.remote.close();
    await this.tools.close();
  }

  #compose(batch: GenerateBatch, signal: AbortSignal): Promise<Composition> {
    const family = this.#family(batch.modelId);
    return isFlow(family) ? composeForFlow(this.remote, this.#models, batch, signal) : composeForDiffusers(family, batch);
  }

  #family(modelId: string): OwnFamily {
    const family = familyOf(this.families.filter(isOwn), modelId);
    if (!family) throw internal('broken_model', `There is no model "${modelId}".`);
    return family;
  }

  /** The model's own family where it has what is needed, else another one that runs here: a GPU is faster than this process. */
  #familyWith<Fit extends Family>(modelId: string | undefined, isFit: (family: Family) => family is Fit): Fit | undefined {
    const own = modelId === undefined ? undefined : familyOf(this.families, modelId);
    if (modelId !== undefined && !own) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    return own && isFit(own) ? own : this.families.find(isFit);
  }

  #refuseIfClosed(): void {
    if (this.#closing.signal.aborted) throw unavailable('engine_unavailable', 'The engine has been closed.');
  }

  #reported(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) cancellations().inc();
    else if (this.#closing.signal.aborted) return unavailable('engine_unavailable', 'The engine has been closed.');
    if (error instanceof TesseraError && error.kind === 'Unavailable')
      this.logger.warn({ err: error, engine: this.remote.name }, 'the engine is not available');
    return error;
  }
}

/** Phases elsewhere, measured by the arrival of its answers: steps until the last one, then decoding (and enlarging) until the first picture. */
class AnswerPhases {
  readonly #sentMs = spanTimeMs();
  #lastMs = this.#sentMs;
  #hasPicture = false;

  *arrived({ event }: Answer): Iterable<GenerateUpdate> {
    const nowMs = spanTimeMs();
    if (event.type === 'image' && !this.#hasPicture) {
      this.#hasPicture = true;
      yield { type: 'phase', phase: 'denoise', startMs: this.#sentMs, endMs: this.#lastMs };
      yield { type: 'phase', phase: 'decode', startMs: this.#lastMs, endMs: nowMs };
    }
    this.#lastMs = nowMs;
  }

  /** Of a picture that has just become a file. */
  encoded({ requestId, index }: { requestId: string; index: number }): GenerateUpdate {
    return { type: 'phase', phase: 'encode', startMs: this.#lastMs, endMs: spanTimeMs(), requestId, index };
  }
}

/** What the other side has to say, once for a request: it says it of each picture, and may say what was said here already. */
class Notices {
  readonly #said: Set<string>;

  constructor(private readonly composition: Composition) {
    this.#said = new Set(composition.notices.map(({ requestId, notice }) => `${requestId} ${notice.kind}`));
  }

  *arrived({ event }: Answer): Iterable<GenerateUpdate> {
    if (event.type !== 'notice') return;
    const requestId = this.composition.pictures[event.picture]?.request.requestId;
    const said = `${requestId} ${event.kind}`;
    if (requestId === undefined || this.#said.has(said) || this.#said.has(`${said} ${event.message}`)) return;
    this.#said.add(`${said} ${event.message}`);
    yield { type: 'notice', requestId, notice: { kind: event.kind, message: event.message } };
  }
}

/** Pixels are answered as they are generated; what they become as files is decided here, as for the engine in process. */
async function updateOf(
  { event, payload }: Answer,
  { pictures, isExact }: Composition,
  { widthPx, heightPx }: GenerateBatch,
): Promise<GenerateUpdate | undefined> {
  if (event.type === 'step') return { type: 'step', step: event.step, steps: event.steps };
  if (event.type !== 'preview' && event.type !== 'image') return undefined;
  const picture = pictures[event.picture];
  if (!picture || payload.length !== 3 * event.widthPx * event.heightPx)
    throw internal('painting_failed', 'The engine answered a picture that was not asked for.');
  const pixels = { widthPx: event.widthPx, heightPx: event.heightPx, data: payload };
  const named = { requestId: picture.request.requestId, index: picture.index };
  if (event.type === 'preview') return { type: 'preview', ...named, step: event.step, image: await encodePreviewPixels(pixels) };
  if (isExact && (event.widthPx !== widthPx || event.heightPx !== heightPx))
    throw internal(
      'painting_failed',
      `The engine generated ${event.widthPx} x ${event.heightPx} pixels in place of ${widthPx} x ${heightPx}: the table of pipeline classes is wrong about this model.`,
    );
  return { type: 'image', ...named, image: await encodePngPixels(pixels, { widthPx, heightPx }, picture.inpaint) };
}
