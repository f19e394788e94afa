import path from 'node:path';
import { cancelled, internal, invalidArgument } from '@tessera/platform/errors.js';
import type { EngineNotice, PaintBatch, PaintRequest, PaintUpdate } from '../diffusion-engine.js';
import type { Manifest, Variant } from '../manifest.js';
import { readRepaint, type Repaint } from '../repaint.js';
import { adapterTensors } from './adapting.js';
import { Canvas, type Scene } from './canvas.js';
import { castIn, readCharacters } from './cast.js';
import { readGuides } from './guides.js';
import { withoutBackground } from './matting.js';
import { loadModel, type Model } from './model.js';
import { cut, encodePng, encodePreview, enlarge, noGrade, type Planes } from './pictures.js';
import { Sessions, type Tensors } from './sessions.js';

export type Job = {
  readonly batch: PaintBatch;
  readonly emit: (update: PaintUpdate) => void;
  readonly isCancelled: () => boolean;
};

type Piece = { readonly request: PaintRequest; readonly index: number; readonly canvas: Canvas; readonly repaint: Repaint | undefined };

/** Paints batches, one after the other, wherever it is called: see `onnx.worker.ts` for where that is. */
export class Painter {
  readonly #sessions: Sessions;
  readonly #models = new Map<string, Promise<Model>>();

  constructor(
    private readonly manifests: readonly Manifest[],
    threads: number,
  ) {
    this.#sessions = new Sessions(threads);
  }

  /**
   * Pictures of a batch go through the denoiser one by one, each step for all of them before the next: the graphs have a fixed shape (a picture and its
   * unguided twin), so batch-mates cannot change a single bit of a picture, and progress is even.
   */
  async paint({ batch, emit, isCancelled }: Job): Promise<void> {
    const { model, variant } = await this.#model(batch.modelId);
    const adapters = await adapterTensors(model, variant, batch.adapters ?? []);
    const refuseIfCancelled = () => {
      if (isCancelled()) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    };
    const pieces: Piece[] = [];
    for (const request of batch.requests) {
      const { scene, notices } = await this.#read(model, variant, adapters, batch, request);
      for (const notice of notices) emit({ type: 'notice', requestId: request.requestId, notice });
      for (let index = 0; index < request.images; index += 1) {
        refuseIfCancelled();
        pieces.push({ request, index, repaint: scene.repaint, canvas: await Canvas.prepare(model, this.#sessions, batch, request, scene, index) });
      }
    }
    for (let step = 0; step < batch.steps; step += 1) {
      for (const { canvas } of pieces) {
        refuseIfCancelled();
        await canvas.step(step);
      }
      emit({ type: 'step', step: step + 1, steps: batch.steps });
      const isPreviewDue = batch.previewEverySteps > 0 && (step + 1) % batch.previewEverySteps === 0 && step + 1 < batch.steps;
      if (isPreviewDue) for (const piece of pieces) emit(await this.#preview(model.manifest, piece, step + 1));
    }
    for (const piece of pieces) {
      refuseIfCancelled();
      emit(await this.#finish(model.manifest, batch, piece));
    }
  }

  /** The words, and the pictures that come with them. */
  async #read(model: Model, variant: Variant, adapters: Tensors, batch: PaintBatch, request: PaintRequest): Promise<{ scene: Scene; notices: readonly EngineNotice[] }> {
    const guidance = request.guidance ?? [];
    const characters = await readCharacters(guidance, model, this.#sessions);
    const reading = model.reader.read(request.prompt, variant.look, characters.map(({ subject }) => subject).filter((subject) => subject !== ''));
    const { roles, notices } = castIn(reading, characters, model);
    const guides = await readGuides(guidance, model.manifest, this.#sessions, batch);
    const repaint = request.initImage && (await readRepaint(request.initImage, batch.widthPx, batch.heightPx));
    return { scene: { reading, roles, guides, repaint, variant, adapters }, notices: [...reading.notices, ...notices, ...styleNotices(model.manifest, request)] };
  }

  async warm(modelId: string): Promise<void> {
    const { model } = await this.#model(modelId);
    const { manifest } = model;
    const { layout, conditioning, denoiser, decoder } = manifest.graphs;
    const first = [layout, conditioning, denoiser, decoder, manifest.superResolution[0]].flatMap((graph) => (graph ? [graph.file] : []));
    await Promise.all(first.map((file) => this.#sessions.load(path.join(manifest.folder, file))));
  }

  async cutOut(modelId: string, picture: Uint8Array): Promise<PaintUpdate> {
    const { model } = await this.#model(modelId);
    return { type: 'image', requestId: '', index: 0, image: await withoutBackground(picture, modelId, model.manifest, this.#sessions) };
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }

  async #model(modelId: string): Promise<{ model: Model; variant: Variant }> {
    const manifest = this.manifests.find(({ variants }) => variants.some((variant) => variant.modelId === modelId));
    const variant = manifest?.variants.find((each) => each.modelId === modelId);
    if (!manifest || !variant) throw invalidArgument('unknown_model', `There is no model "${modelId}".`, { param: 'model_id' });
    const loading = this.#models.get(manifest.folder) ?? loadModel(manifest);
    this.#models.set(manifest.folder, loading);
    const model = await loading.catch((error: unknown) => {
      this.#models.delete(manifest.folder);
      throw internal('broken_model', `The files of "${modelId}" cannot be loaded; the log says why.`, { cause: error });
    });
    return { model, variant };
  }

  async #preview(manifest: Manifest, { request, index, canvas }: Piece, step: number): Promise<PaintUpdate> {
    const planes = cut(toPlanes(await canvas.preview(), manifest), canvas.window, manifest.nativeSidePx);
    return { type: 'preview', requestId: request.requestId, index, step, image: await encodePreview(planes, gradeOf(manifest, request)) };
  }

  async #finish(manifest: Manifest, batch: PaintBatch, { request, index, canvas, repaint }: Piece): Promise<PaintUpdate> {
    const planes = await enlarge(toPlanes(await canvas.picture(), manifest), canvas.window, batch, manifest, this.#sessions);
    return { type: 'image', requestId: request.requestId, index, image: await encodePng(planes, gradeOf(manifest, request), batch, repaint) };
  }
}

function toPlanes(picture: Float32Array, { nativeSidePx }: Manifest): Planes {
  return { widthPx: nativeSidePx, heightPx: nativeSidePx, data: picture.map((value) => (value + 1) / 2) };
}

const gradeOf = (manifest: Manifest, { style }: PaintRequest) => manifest.styles[style] ?? noGrade;

function styleNotices(manifest: Manifest, { style }: PaintRequest): EngineNotice[] {
  if (style === '' || style === 'NONE' || style in manifest.styles) return [];
  return [{ kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` }];
}
