import { createHash } from 'node:crypto';
import { describedIn } from '@tessera/models/describe-models.js';
import type { DiffusersManifest } from '@tessera/models/diffusers-manifest.js';
import type { ModelInfo } from '@tessera/models/model-info.js';
import { isEdit, noticesOf } from '@tessera/models/request-rules.js';
import { internal } from '@tessera/platform/errors.js';
import type { AdapterInput, EngineNotice, GenerateBatch, GenerateRequest, GuidanceInput } from '../diffusion-engine.js';
import { cannyEdges } from '../pictures/canny.js';
import { readWhole, readWithin } from '../pictures/init-image.js';
import { type InpaintInput, readInpaintInput } from '../pictures/inpaint-input.js';
import { readGuidance } from '../pictures/read-guidance.js';
import { startOf } from '../supported-batch.js';
import { type Composition, type Piece, taskOf } from './composition.js';
import type { TaskAdapter } from './contract.js';
import type { BundledTensor } from './tensor-bundle.js';

/** Pipelines that edit shrink larger pictures by themselves, to about a megapixel. */
const editSidePxMax = 2048;
/** Encoders of references look at squares of a few hundred pixels. */
const referenceSidePxMax = 1024;

type Pixels = { readonly widthPx: number; readonly heightPx: number; readonly data: Uint8Array };

/** What the pictures of a request have in common: how it is described, and the tensors beside it. */
type Brought = { readonly plan: object; readonly tensors: ReadonlyMap<string, BundledTensor>; readonly inpaint: InpaintInput | undefined };

const pixelsOf = ({ widthPx, heightPx, data }: Pixels): BundledTensor => ({ dims: [heightPx, widthPx, 3], data });

/** A diffusers pipeline reads the prompt itself; what a request brings along is laid out for it here. */
export async function composeForDiffusers(family: DiffusersManifest, batch: GenerateBatch): Promise<Composition> {
  const model = describedIn(family, batch.modelId);
  if (!model) throw internal('broken_model', `There is no model "${batch.modelId}".`);
  const { adapters, adapterBytes } = requestedAdapters(family, batch.adapters ?? []);
  const tensors = new Map<string, BundledTensor>();
  const pictures: Piece[] = [];
  const described: object[] = [];
  for (const request of batch.requests) {
    const { plan, tensors: brought, inpaint } = await readBrought(model, request, batch);
    for (let index = 0; index < request.images; index += 1) {
      for (const [name, tensor] of brought) tensors.set(`${described.length}/${name}`, tensor);
      described.push({ prompt: request.prompt, negativePrompt: request.negativePrompt, seed: request.seed + index, ...plan });
      pictures.push({ request, index, inpaint });
    }
  }
  const notices = batch.requests.flatMap((request) =>
    noticesFor(model, request, batch.guidanceScale).map((notice) => ({ requestId: request.requestId, notice })),
  );
  const task = taskOf(batch, family, [...adaptersOf(family, batch.modelId), ...adapters], described);
  return { task, tensors, pictures, notices, adapterBytes, isExact: true };
}

/** Those that make a variant what it is. */
export function adaptersOf(family: DiffusersManifest, modelId: string): readonly TaskAdapter[] {
  return family.variants.find((variant) => variant.modelId === modelId)?.adapters ?? [];
}

function requestedAdapters(
  { adapterFiles = {} }: DiffusersManifest,
  uses: readonly AdapterInput[],
): { adapters: TaskAdapter[]; adapterBytes: ReadonlyMap<string, Uint8Array> } {
  const adapterBytes = new Map<string, Uint8Array>();
  const adapters = uses.map(({ id, bytes, weight }): TaskAdapter => {
    const file = Object.hasOwn(adapterFiles, id) ? adapterFiles[id] : undefined;
    if (!bytes) {
      if (file === undefined) throw internal('broken_model', `There is no adapter "${id}".`);
      return { file, weight };
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    adapterBytes.set(sha256, bytes);
    return { sha256, weight };
  });
  return { adapters, adapterBytes };
}

async function readBrought(model: ModelInfo, { initImage, guidance = [] }: GenerateRequest, batch: GenerateBatch): Promise<Brought> {
  const tensors = new Map<string, BundledTensor>();
  const plan: { init?: object; edit?: true; guides?: object[] } = {};
  let inpaint: InpaintInput | undefined;
  if (initImage && isEdit(model, startOf(initImage))) {
    tensors.set('edit/0', pixelsOf(await readWithin(initImage.bytes, editSidePxMax)));
    plan.edit = true;
  } else if (initImage) {
    const { widthPx, heightPx } = batch;
    inpaint = await readInpaintInput(initImage, widthPx, heightPx);
    const data = inpaint?.known ?? (await readWhole(initImage.bytes, widthPx, heightPx));
    tensors.set('init', pixelsOf({ widthPx, heightPx, data }));
    if (inpaint) tensors.set('mask', { dims: [heightPx, widthPx], data: inpaint.mask });
    plan.init = { strength: initImage.strength, hasMask: inpaint !== undefined };
  }
  // One of strength 0 is to be ignored.
  const acting = guidance.filter(({ strength }) => strength > 0);
  for (const [k, guide] of acting.entries()) tensors.set(`guides/${k}`, pixelsOf(await readGuide(guide, batch)));
  if (acting.length > 0) plan.guides = acting.map(({ kind, strength }) => ({ kind, strength }));
  return { plan, tensors, inpaint };
}

/** Maps lie over the delivered picture, references are looked at as they are. */
async function readGuide(guide: GuidanceInput, { widthPx, heightPx }: GenerateBatch): Promise<Pixels> {
  if (guide.kind === 'style' || guide.kind === 'character' || guide.kind === 'content') {
    const { data, info } = await readGuidance(guide, (picture) =>
      picture
        .flatten({ background: '#ffffff' })
        .resize(referenceSidePxMax, referenceSidePxMax, { fit: 'inside', withoutEnlargement: true })
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true }),
    );
    return { widthPx: info.width, heightPx: info.height, data };
  }
  // What is transparent in a map says nothing: black. In a picture whose outlines are looked for it is paper.
  const background = guide.kind === 'edges' ? '#ffffff' : '#000000';
  const data = await readGuidance(guide, (picture) =>
    picture.flatten({ background }).resize(widthPx, heightPx, { fit: 'cover' }).removeAlpha().raw().toBuffer(),
  );
  if (guide.kind !== 'edges') return { widthPx, heightPx, data };
  const edges = cannyEdges({ widthPx, heightPx, data });
  return { widthPx, heightPx, data: Uint8Array.from({ length: 3 * edges.length }, (_, at) => edges[Math.floor(at / 3)] ?? 0) };
}

function noticesFor(model: ModelInfo, request: GenerateRequest, guidanceScale: number): EngineNotice[] {
  const { style, negativePrompt, initImage, guidance = [] } = request;
  const subject = guidance.find(({ subject: word = '' }) => word !== '')?.subject;
  return [
    ...(style === '' || style === 'NONE'
      ? []
      : [{ kind: 'style_left_out', message: `This model has no style "${style.slice(0, 40)}"; it was left out.` }]),
    ...(subject === undefined
      ? []
      : [{ kind: 'subject_left_out', message: `This model binds no picture to the word "${subject.slice(0, 60)}": it guides the whole.` }]),
    ...noticesOf(model, { negativePrompt, guidanceScale, start: initImage && startOf(initImage) }),
  ];
}
