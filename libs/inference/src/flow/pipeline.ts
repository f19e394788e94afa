import path from 'node:path';
import { cancelled, invalidArgument } from '@tessera/platform/errors.js';
import { spanTimeMs } from '@tessera/platform/telemetry/span.js';
import type { EngineNotice, GenerateBatch, GeneratePhase, GenerateRequest, GenerateUpdate } from '../diffusion-engine.js';
import { familyOf, isFlow } from '@tessera/models/families.js';
import type { Manifest } from '@tessera/models/manifest.js';
import type { InpaintInput } from '../pictures/inpaint-input.js';
import { adapterTensors } from './lora-inputs.js';
import { SamplingState } from './sampling-state.js';
import { withoutBackground } from './subjects/matting.js';
import { LoadedModels } from './model.js';
import { bundledFamily } from './bundled-family.js';
import { upscale, type Upscaling } from './pictures/upscale.js';
import { cut, encodePng, encodePreview, enlarge, noGrade } from './pictures/pictures.js';
import { readScene } from './scene.js';
import type { Sessions } from './sessions.js';

export type Job = {
  readonly batch: GenerateBatch;
  /** When it was asked for, milliseconds since 1970. */
  readonly askedMs: number;
  readonly emit: (update: GenerateUpdate) => void;
  readonly isCancelled: () => boolean;
};

type Piece = {
  readonly request: GenerateRequest;
  readonly index: number;
  readonly state: SamplingState;
  readonly inpaint: InpaintInput | undefined;
};

/** Mosaic's pipeline: generates batches, one after the other, in the thread that calls it (`onnx.worker.ts`). */
export class Pipeline {
  readonly #models: LoadedModels;

  constructor(
    private readonly manifests: readonly Manifest[],
    private readonly sessions: Sessions,
  ) {
    this.#models = new LoadedModels(manifests);
  }

  /**
   * Pictures of a batch go through the denoiser one by one, each step for all of them before the next: the graphs have a fixed shape (a picture and its
   * unconditional branch), so batch-mates cannot change a single bit of a picture, and progress is even.
   */
  async generate({ batch, askedMs, emit, isCancelled }: Job): Promise<void> {
    const modelsHeld = this.#models.size;
    const { model, variant } = await this.#models.of(batch.modelId);
    if (this.#models.size > modelsHeld) emit({ type: 'phase', phase: 'load', startMs: askedMs, endMs: spanTimeMs() });
    const adapters = await adapterTensors(model, variant, batch.adapters ?? []);
    const refuseIfCancelled = () => {
      if (isCancelled()) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    };
    const pieces: Piece[] = [];
    for (const request of batch.requests) {
      const { requestId } = request;
      const { scene, notices } = await phased(emit, 'read_prompt', { requestId }, () =>
        readScene(model, variant, adapters, this.sessions, batch, request),
      );
      for (const notice of [...notices, ...styleNotices(model.manifest, request)]) emit({ type: 'notice', requestId, notice });
      for (let index = 0; index < request.images; index += 1) {
        refuseIfCancelled();
        const state = await phased(emit, 'conditioning', { requestId, index }, () =>
          SamplingState.prepare(model, this.sessions, batch, request, scene, index),
        );
        pieces.push({ request, index, inpaint: scene.inpaint, state });
      }
    }
    await phased(emit, 'denoise', {}, () => this.#denoise(model.manifest, batch, emit, pieces, refuseIfCancelled));
    for (const piece of pieces) {
      refuseIfCancelled();
      emit(await this.#finish(model.manifest, batch, piece, emit));
    }
  }

  async #denoise(
    manifest: Manifest,
    batch: GenerateBatch,
    emit: Job['emit'],
    pieces: readonly Piece[],
    refuseIfCancelled: () => void,
  ): Promise<void> {
    for (let step = 0; step < batch.steps; step += 1) {
      for (const { state } of pieces) {
        refuseIfCancelled();
        await state.step(step);
      }
      emit({ type: 'step', step: step + 1, steps: batch.steps });
      const isPreviewDue = batch.previewEverySteps > 0 && (step + 1) % batch.previewEverySteps === 0 && step + 1 < batch.steps;
      if (isPreviewDue) for (const piece of pieces) emit(await this.#preview(manifest, piece, step + 1));
    }
  }

  /** The files of the graphs that every picture of a model needs. */
  async graphFiles(modelId: string): Promise<string[]> {
    const { model } = await this.#models.of(modelId);
    const { manifest } = model;
    const { layout, conditioning, denoiser, decoder } = manifest.graphs;
    return [layout, conditioning, denoiser, decoder, manifest.superResolution[0]].flatMap((graph) =>
      graph ? [path.join(manifest.folder, graph.file)] : [],
    );
  }

  async cutOut(modelId: string | undefined, picture: Uint8Array): Promise<GenerateUpdate> {
    const family = await this.#familyWith(modelId, ({ graphs }) => graphs.matting !== undefined);
    return { type: 'image', requestId: '', index: 0, image: await withoutBackground(picture, family, this.sessions) };
  }

  async upscale(modelId: string | undefined, upscaling: Upscaling): Promise<void> {
    const family = await this.#familyWith(modelId, ({ superResolution }) => superResolution.length > 0);
    await upscale(upscaling, family, this.sessions);
  }

  /** The model's own where it has what is needed, else the bundled one. */
  async #familyWith(modelId: string | undefined, isFit: (family: Manifest) => boolean): Promise<Manifest> {
    if (modelId === undefined) return bundledFamily();
    const own = familyOf(this.manifests, modelId);
    if (!own) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    return isFlow(own) && isFit(own) ? own : bundledFamily();
  }

  async #preview(manifest: Manifest, { request, index, state }: Piece, step: number): Promise<GenerateUpdate> {
    const planes = cut(await state.preview(), state.window, manifest.nativeSidePx);
    return { type: 'preview', requestId: request.requestId, index, step, image: await encodePreview(planes, gradeOf(manifest, request)) };
  }

  async #finish(
    manifest: Manifest,
    batch: GenerateBatch,
    { request, index, state, inpaint }: Piece,
    emit: Job['emit'],
  ): Promise<GenerateUpdate> {
    const { requestId } = request;
    const picture = { requestId, index };
    const decoded = await phased(emit, 'decode', picture, () => state.picture());
    const planes = await phased(emit, 'super_resolution', picture, () => enlarge(decoded, state.window, batch, manifest, this.sessions));
    const image = await phased(emit, 'encode', picture, () => encodePng(planes, gradeOf(manifest, request), batch, inpaint));
    return { type: 'image', requestId, index, image };
  }
}

/** Reports how long a phase took, unless it failed. */
async function phased<T>(
  emit: Job['emit'],
  phase: GeneratePhase,
  of: { requestId?: string; index?: number },
  run: () => Promise<T>,
): Promise<T> {
  const startMs = spanTimeMs();
  const made = await run();
  emit({ type: 'phase', phase, startMs, endMs: spanTimeMs(), ...of });
  return made;
}

export const gradeOf = (manifest: Manifest, { style }: GenerateRequest) => manifest.styles[style] ?? noGrade;

export function styleNotices(manifest: Manifest, { style }: GenerateRequest): EngineNotice[] {
  if (style === '' || style === 'NONE' || style in manifest.styles) return [];
  return [{ kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` }];
}
