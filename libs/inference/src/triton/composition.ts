import path from 'node:path';
import { cancelled } from '@tessera/platform/errors.js';
import type { EngineNotice, PaintBatch, PaintRequest } from '../diffusion-engine.js';
import type { DiffusersManifest } from '@tessera/models/diffusers-manifest.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { adapterTensors } from '../flow/lora-inputs.js';
import { Canvas } from '../flow/sampling-state.js';
import type { LoadedModels, Model } from '../flow/model.js';
import { gradeOf, styleNotices } from '../flow/pipeline.js';
import { readScene, type Scene } from '../flow/scene.js';
import type { Repaint } from '../pictures/inpaint-input.js';
import type { PaintTask, Placed } from './contract.js';
import { bundled, ConditionsLater, RemoteSessions } from './remote-sessions.js';
import type { BundledTensor } from './tensor-bundle.js';
import type { TritonClient } from './triton-client.js';

type Tools = ConstructorParameters<typeof RemoteSessions>;
type Piece = { readonly request: PaintRequest; readonly index: number; /** What stays of an init image is laid over in the end. */ readonly repaint?: Repaint | undefined };

/** A batch as Triton takes it. */
export type Composition = {
  readonly task: PaintTask;
  readonly tensors: ReadonlyMap<string, BundledTensor>;
  /** Which picture of which request each of the task's pictures is. */
  readonly pictures: readonly Piece[];
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
  const { model, variant } = await models.of(batch.modelId);
  const { manifest } = model;
  const tools: Tools = [client, manifest, placeOf(manifest), signal];
  const adapters = await adapterTensors(model, variant, batch.adapters ?? []);
  const tensors = new Map(Object.entries(adapters).map(([name, tensor]) => [`adapters/${name}`, bundled(tensor)]));
  const notices: { requestId: string; notice: EngineNotice }[] = [];
  const plans: object[] = [];
  const pictures: Piece[] = [];
  for (const request of batch.requests) {
    const { scene, notices: said } = await readScene(model, variant, adapters, new RemoteSessions(...tools), batch, request);
    for (const notice of [...said, ...styleNotices(manifest, request)]) notices.push({ requestId: request.requestId, notice });
    for (let index = 0; index < request.images; index += 1) {
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
      const { plan, named } = await composePicture(model, tools, batch, request, scene, index);
      for (const [name, tensor] of named) tensors.set(`${plans.length}/${name}`, tensor);
      plans.push(plan);
      pictures.push({ request, index, repaint: scene.repaint });
    }
  }
  return { task: taskOf(batch, manifest, [], plans), tensors, pictures, notices };
}

async function composePicture(model: Model, tools: Tools, batch: PaintBatch, request: PaintRequest, scene: Scene, index: number): Promise<{ plan: object; named: Map<string, BundledTensor> }> {
  // A character that is followed in part only lies between two conditions, which are mixed here.
  const isMixed = scene.roles.some(({ character }) => character !== undefined && character.strength < 1);
  const later = isMixed ? undefined : new ConditionsLater(...tools);
  const canvas = await Canvas.prepare(model, later ?? new RemoteSessions(...tools), batch, request, scene, index);
  const { latent, extent, tiles, kept, steers, guidance = null, ...plan } = canvas.plan;
  const dims = [model.manifest.latent.channels, extent.sideCells, extent.widthCells];
  const named = new Map<string, BundledTensor>([['latent', { data: latent, dims }]]);
  for (const [k, { conditions }] of tiles.entries()) {
    const asked = later?.asked[k];
    if (asked) for (const [role, tensor] of asked) named.set(`tiles/${k}/conditioning/${role}`, tensor);
    else for (const [role, tensor] of Object.entries(conditions)) named.set(`tiles/${k}/denoiser/${role}`, bundled(tensor));
  }
  for (const [part, data] of Object.entries(kept ?? {})) named.set(`kept/${part}`, { data, dims });
  const steering = [['content', steers?.content], ['style', steers?.style]] as const;
  for (const [kind, steer] of steering) if (steer) named.set(`steers/${kind}`, { data: steer.latent, dims });
  if (steers?.content) named.set('steers/noise', { data: steers.noise, dims });
  const strengths = Object.fromEntries(steering.flatMap(([kind, steer]) => (steer ? [[kind, steer.strength]] : [])));
  return { plan: { ...plan, guidance, tiles: tiles.map(({ left }) => left), steers: strengths, window: canvas.window, grade: gradeOf(model.manifest, request) }, named };
}
