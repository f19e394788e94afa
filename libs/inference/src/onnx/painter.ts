import path from 'node:path';
import { cancelled } from '@tessera/platform/errors.js';
import type { EngineNotice, PaintBatch, PaintRequest, PaintUpdate } from '../diffusion-engine.js';
import type { Manifest } from '../manifest.js';
import { Canvas } from './canvas.js';
import { LoadedModels } from './model.js';
import { cut, encodePng, encodePreview, enlarge, noGrade, type Planes } from './pictures.js';
import { LocalSessions } from './sessions.js';

export type Job = {
  readonly batch: PaintBatch;
  readonly emit: (update: PaintUpdate) => void;
  readonly isCancelled: () => boolean;
};

type Piece = { readonly request: PaintRequest; readonly index: number; readonly canvas: Canvas };

/** Paints batches, one after the other, wherever it is called: see `onnx.worker.ts` for where that is. */
export class Painter {
  readonly #sessions: LocalSessions;
  readonly #models: LoadedModels;

  constructor(manifests: readonly Manifest[], threads: number) {
    this.#models = new LoadedModels(manifests);
    this.#sessions = new LocalSessions(threads);
  }

  /**
   * Pictures of a batch go through the denoiser one by one, each step for all of them before the next: the graphs have a fixed shape (a picture and its
   * unguided twin), so batch-mates cannot change a single bit of a picture, and progress is even.
   */
  async paint({ batch, emit, isCancelled }: Job): Promise<void> {
    const { model, look } = await this.#models.of(batch.modelId);
    const refuseIfCancelled = () => {
      if (isCancelled()) throw cancelled('painting_cancelled', 'The painting was cancelled.');
    };
    const pieces: Piece[] = [];
    for (const request of batch.requests) {
      const reading = model.reader.read(request.prompt, look);
      for (const notice of [...reading.notices, ...styleNotices(model.manifest, request)]) emit({ type: 'notice', requestId: request.requestId, notice });
      for (let index = 0; index < request.images; index += 1) {
        refuseIfCancelled();
        pieces.push({ request, index, canvas: await Canvas.prepare(model, this.#sessions, batch, request, reading, index) });
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

  async warm(modelId: string): Promise<void> {
    const { model } = await this.#models.of(modelId);
    const { manifest } = model;
    const { layout, conditioning, denoiser, decoder } = manifest.graphs;
    const first = [layout, conditioning, denoiser, decoder, manifest.superResolution[0]].flatMap((graph) => (graph ? [graph.file] : []));
    await Promise.all(first.map((file) => this.#sessions.load(path.join(manifest.folder, file))));
  }

  release(): Promise<void> {
    return this.#sessions.release();
  }

  async #preview(manifest: Manifest, { request, index, canvas }: Piece, step: number): Promise<PaintUpdate> {
    const planes = cut(toPlanes(await canvas.preview(), manifest), canvas.window, manifest.nativeSidePx);
    return { type: 'preview', requestId: request.requestId, index, step, image: await encodePreview(planes, gradeOf(manifest, request)) };
  }

  async #finish(manifest: Manifest, batch: PaintBatch, { request, index, canvas }: Piece): Promise<PaintUpdate> {
    const planes = await enlarge(toPlanes(await canvas.picture(), manifest), canvas.window, batch, manifest, this.#sessions);
    return { type: 'image', requestId: request.requestId, index, image: await encodePng(planes, gradeOf(manifest, request), batch.widthPx, batch.heightPx) };
  }
}

function toPlanes(picture: Float32Array, { nativeSidePx }: Manifest): Planes {
  return { widthPx: nativeSidePx, heightPx: nativeSidePx, data: picture.map((value) => (value + 1) / 2) };
}

export const gradeOf = (manifest: Manifest, { style }: PaintRequest) => manifest.styles[style] ?? noGrade;

export function styleNotices(manifest: Manifest, { style }: PaintRequest): EngineNotice[] {
  if (style === '' || style === 'NONE' || style in manifest.styles) return [];
  return [{ kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` }];
}
