import path from 'node:path';
import { cancelled } from '@tessera/platform/errors.js';
import type { EngineNotice, GenerateBatch, GenerateRequest } from '../diffusion-engine.js';
import type { DiffusersManifest } from '@tessera/models/diffusers-manifest.js';
import type { Manifest } from '@tessera/models/manifest.js';
import { adapterTensors } from '../flow/lora-inputs.js';
import { SamplingState } from '../flow/sampling-state.js';
import type { LoadedModels, Model } from '../flow/model.js';
import { gradeOf, styleNotices } from '../flow/pipeline.js';
import { readScene, type Scene } from '../flow/scene.js';
import type { InpaintInput } from '../pictures/inpaint-input.js';
import type { GenerateTask, Placed } from './contract.js';
import { bundled, ConditionsLater, RemoteSessions } from './remote-sessions.js';
import type { BundledTensor } from './tensor-bundle.js';
import type { RemoteTasks } from './remote-tasks.js';

type Tools = ConstructorParameters<typeof RemoteSessions>;
export type Piece = {
  readonly request: GenerateRequest;
  readonly index: number;
  /** What stays of an init image is laid over in the end. */ readonly inpaint?: InpaintInput | undefined;
};

/** A batch as it is sent. */
export type Composition = {
  readonly task: GenerateTask;
  readonly tensors: ReadonlyMap<string, BundledTensor>;
  /** Which picture of which request each of the task's pictures is. */
  readonly pictures: readonly Piece[];
  readonly notices: readonly { readonly requestId: string; readonly notice: EngineNotice }[];
  /** Bytes of the adapters that the task names by their digest; sent when they are missed. */
  readonly adapterBytes: ReadonlyMap<string, Uint8Array>;
  /** Pictures come in exactly the size that was asked for; of others, the nearest size that the model has. */
  readonly isExact: boolean;
};

export const placeOf = ({ folder, version }: Manifest | DiffusersManifest): Placed => ({ family: path.basename(folder), version });

export const taskOf = (
  batch: GenerateBatch,
  family: Manifest | DiffusersManifest,
  adapters: GenerateTask['adapters'],
  pictures: readonly object[],
): GenerateTask => {
  const { steps, previewEverySteps, widthPx, heightPx, guidanceScale } = batch;
  return { task: 'paint', ...placeOf(family), steps, previewEverySteps, widthPx, heightPx, guidanceScale, adapters, pictures };
};

/**
 * Composes pictures of Mosaic's pipeline with the code that the engine in process runs: prompt, layout, poses, noise.
 * What is sent are the resulting tensors.
 */
export async function composeForFlow(
  remote: RemoteTasks,
  models: LoadedModels,
  batch: GenerateBatch,
  signal: AbortSignal,
): Promise<Composition> {
  const { model, variant } = await models.of(batch.modelId);
  const { manifest } = model;
  const tools: Tools = [remote, manifest, placeOf(manifest), signal];
  const adapters = await adapterTensors(model, variant, batch.adapters ?? []);
  const tensors = new Map(Object.entries(adapters).map(([name, tensor]) => [`adapters/${name}`, bundled(tensor)]));
  const notices: { requestId: string; notice: EngineNotice }[] = [];
  const plans: object[] = [];
  const pictures: Piece[] = [];
  for (const request of batch.requests) {
    const { scene, notices: described } = await readScene(model, variant, adapters, new RemoteSessions(...tools), batch, request);
    for (const notice of [...described, ...styleNotices(manifest, request)]) notices.push({ requestId: request.requestId, notice });
    for (let index = 0; index < request.images; index += 1) {
      if (signal.aborted) throw cancelled('painting_cancelled', 'The painting was cancelled.');
      const { plan, named } = await composePicture(model, tools, batch, request, scene, index);
      for (const [name, tensor] of named) tensors.set(`${plans.length}/${name}`, tensor);
      plans.push(plan);
      pictures.push({ request, index, inpaint: scene.inpaint });
    }
  }
  return { task: taskOf(batch, manifest, [], plans), tensors, pictures, notices, adapterBytes: new Map(), isExact: false };
}

async function composePicture(
  model: Model,
  tools: Tools,
  batch: GenerateBatch,
  request: GenerateRequest,
  scene: Scene,
  index: number,
): Promise<{ plan: object; named: Map<string, BundledTensor> }> {
  // A character with a strength below 1 needs two sets of conditions, which are interpolated here.
  const isMixed = scene.bindings.some(({ character }) => character !== undefined && character.strength < 1);
  const later = isMixed ? undefined : new ConditionsLater(...tools);
  const state = await SamplingState.prepare(model, later ?? new RemoteSessions(...tools), batch, request, scene, index);
  const { latent, extent, tiles, kept, latentGuidance, guidance = null, ...plan } = state.plan;
  const dims = [model.manifest.latent.channels, extent.sideCells, extent.widthCells];
  const named = new Map<string, BundledTensor>([['latent', { data: latent, dims }]]);
  for (const [k, { conditions }] of tiles.entries()) {
    const asked = later?.asked[k];
    if (asked) for (const [role, tensor] of asked) named.set(`tiles/${k}/conditioning/${role}`, tensor);
    else for (const [role, tensor] of Object.entries(conditions)) named.set(`tiles/${k}/denoiser/${role}`, bundled(tensor));
  }
  if (kept)
    for (const [part, data] of [
      ['repainted', kept.inpainted],
      ['latent', kept.latent],
      ['noise', kept.noise],
    ] as const)
      named.set(`kept/${part}`, { data, dims });
  const guides = [
    ['content', latentGuidance?.content],
    ['style', latentGuidance?.style],
  ] as const;
  for (const [kind, guide] of guides) if (guide) named.set(`steers/${kind}`, { data: guide.latent, dims });
  if (latentGuidance?.content) named.set('steers/noise', { data: latentGuidance.noise, dims });
  const strengths = Object.fromEntries(guides.flatMap(([kind, guide]) => (guide ? [[kind, guide.strength]] : [])));
  return {
    plan: {
      ...plan,
      guidance,
      tiles: tiles.map(({ left }) => left),
      steers: strengths,
      window: state.window,
      grade: gradeOf(model.manifest, request),
    },
    named,
  };
}
