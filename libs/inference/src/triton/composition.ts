import path from 'node:path';
import { cancelled, invalidArgument } from '@tessera/platform/errors.js';
import type { EngineNotice, PaintBatch, PaintRequest } from '../diffusion-engine.js';
import type { GuidanceKind } from '../guidance.js';
import type { DiffusersManifest, Manifest } from '../manifest.js';
import { adapterTensors } from '../onnx/adapting.js';
import { Canvas } from '../onnx/canvas.js';
import type { LoadedModels } from '../onnx/model.js';
import { gradeOf, styleNotices } from '../onnx/painter.js';
import { readScene } from '../onnx/scene.js';
import type { Repaint } from '../repaint.js';
import type { PaintTask, Placed } from './contract.js';
import { bundled, RemoteSessions } from './remote-sessions.js';
import type { BundledTensor } from './tensor-bundle.js';
import type { TritonClient } from './triton-client.js';

/** A batch as Triton takes it. */
export type Composition = {
  readonly task: PaintTask;
  readonly tensors: ReadonlyMap<string, BundledTensor>;
  /** Which picture of which request each of the task's pictures is. */
  readonly pictures: readonly { readonly request: PaintRequest; readonly index: number; readonly repaint?: Repaint | undefined }[];
  readonly notices: readonly { readonly requestId: string; readonly notice: EngineNotice }[];
};

export const placeOf = ({ folder, version }: Manifest | DiffusersManifest): Placed => ({ family: path.basename(folder), version });

const taskOf = (batch: PaintBatch, family: Manifest | DiffusersManifest, adapters: PaintTask['adapters'], pictures: readonly object[]): PaintTask => {
  const { steps, previewEverySteps, widthPx, heightPx, guidanceScale } = batch;
  return { task: 'paint', ...placeOf(family), steps, previewEverySteps, widthPx, heightPx, guidanceScale, adapters, pictures };
};

const picturesOf = ({ requests }: PaintBatch) => requests.flatMap((request) => Array.from({ length: request.images }, (_, index) => ({ request, index })));

/** A diffusers pipeline reads the prompt itself. */
export function composeForDiffusers(family: DiffusersManifest, batch: PaintBatch): Composition {
  if (batch.requests.some(({ initImage }) => initImage)) throw invalidArgument('unsupported_init_image', `${batch.modelId} cannot start from a picture.`, { param: 'init_image' });
  const pictures = picturesOf(batch);
  const said = pictures.map(({ request, index }) => ({ prompt: request.prompt, negativePrompt: request.negativePrompt, seed: request.seed + index }));
  const notices = batch.requests.flatMap(({ requestId, style }) => (style === '' || style === 'NONE' ? [] : [{ requestId, notice: { kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` } }]));
  return { task: taskOf(batch, family, adaptersOf(family, batch.modelId), said), tensors: new Map(), pictures, notices };
}

export function adaptersOf(family: DiffusersManifest, modelId: string): PaintTask['adapters'] {
  return family.variants.find((variant) => variant.modelId === modelId)?.adapters ?? [];
}

/**
 * What a picture of ours shows is decided here, by the very code that the engine in process runs: the prompt, where things stand, their poses, the noise.
 * Triton gets the tensors that come of it.
 */
export async function composeForFlow(client: TritonClient, models: LoadedModels, batch: PaintBatch, signal: AbortSignal): Promise<Composition> {
  refuseUnsteerable(batch);
  const { model, variant } = await models.of(batch.modelId);
  const { manifest } = model;
  const notices: { requestId: string; notice: EngineNotice }[] = [];
  const tensors = new Map<string, BundledTensor>();
  const plans: object[] = [];
  const pictures: { request: PaintRequest; index: number; repaint: Repaint | undefined }[] = [];
  const adapters = await adapterTensors(model, variant, batch.adapters ?? []);
  for (const request of batch.requests) {
    const sight = new RemoteSessions(client, manifest, placeOf(manifest), signal);
    const { scene, notices: said } = await readScene(model, variant, adapters, sight, batch, request);
    for (const notice of [...said, ...styleNotices(manifest, request)]) notices.push({ requestId: request.requestId, notice });
    for (let index = 0; index < request.images; index += 1) {
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
      const sessions = new RemoteSessions(client, manifest, placeOf(manifest), signal);
      const canvas = await Canvas.prepare(model, sessions, batch, request, scene, index);
      const { latent, kept, guidance = null, ...plan } = canvas.plan;
      const dims = [manifest.latent.channels, manifest.latent.sidePx, manifest.latent.sidePx];
      const name = plans.length;
      tensors.set(`${name}/latent`, { data: latent, dims });
      for (const [part, data] of Object.entries(kept ?? {})) tensors.set(`${name}/kept/${part}`, { data, dims });
      for (const [input, tensor] of Object.entries(adapters)) tensors.set(`${name}/denoiser/${input}`, bundled(tensor));
      pictures.push({ request, index, repaint: scene.repaint });
      for (const [role, tensor] of sessions.conditioning) tensors.set(`${name}/conditioning/${role}`, tensor);
      plans.push({ ...plan, guidance, window: canvas.window, grade: gradeOf(manifest, request) });
    }
  }
  return { task: taskOf(batch, manifest, [], plans), tensors, pictures, notices };
}

/** Kinds of guidance that need nothing between the steps: those Triton can follow. */
export const guidanceKindsOfTriton: readonly GuidanceKind[] = ['edges', 'depth', 'character'];

/** The latent is steered here between the steps, and a character in part would need conditions that stay in Triton. */
function refuseUnsteerable({ modelId, requests }: PaintBatch): void {
  for (const { kind, strength } of requests.flatMap(({ guidance = [] }) => guidance)) {
    if (strength === 0) continue;
    if (!guidanceKindsOfTriton.includes(kind)) throw invalidArgument('unsupported_guidance', `${modelId} takes no guidance of the kind "${kind}" in Triton.`, { param: 'guidance' });
    if (kind === 'character' && strength < 1) throw invalidArgument('unsupported_guidance', `${modelId} follows a character in full only in Triton: strength 1.`, { param: 'guidance' });
  }
}
