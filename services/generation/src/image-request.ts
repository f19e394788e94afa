import type { ModelInfo } from '@tessera/models/model-info.js';
import type { Placement } from '@tessera/inference/diffusion-engine.js';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ImageRequest, ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { refuseUnadaptable } from '@tessera/models/adapter-use.js';
import { refuseUnguidable } from '@tessera/models/guidance.js';
import { noticesOf, refuseUnevenSides, refuseUnsupportedStart, type RequestNotice } from '@tessera/models/request-rules.js';
import { invalidArgument, renamed } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { refuseUnlistedSize } from '@tessera/models/listed-sizes.js';
import { invalidGuidance, invalidInitImage, invalidMask } from './errors.js';
import { styles } from './preset-styles.js';

/** A picture to start from; `maskAssetId` says what of it is repainted, `placement` where it lies in the painted one. */
export type InitImageUse = {
  readonly assetId: string;
  readonly strength: number;
  readonly maskAssetId?: string;
  readonly placement?: Placement;
};

export type GuidanceUse = { readonly kind: string; readonly assetId: string; readonly strength: number; readonly subject: string };

export type AdapterUse = {
  readonly adapterId: string;
  readonly weight: number;
  /** Of one that the account has uploaded. */
  readonly assetId?: string;
};

/** What is done with an existing picture; how large it becomes stands in the request. */
export type OperationUse = { readonly kind: 'upscale' | 'removeBackground'; readonly assetId: string };

/** A request with nothing left open: what is stored, priced and painted. */
export type FullImageRequest = {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly modelId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly images: number;
  readonly steps: number;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly style: string;
  readonly initImage?: InitImageUse;
  readonly guidance?: readonly GuidanceUse[];
  /** Whose pictures are among the guides. */
  readonly characterId?: string;
  readonly adapters?: readonly AdapterUse[];
  /** Absent: pictures are painted. */
  readonly operation?: OperationUse;
  readonly isPublic: boolean;
};

/** Limits of Leonardo's API, so that its clients meet no surprise. */
export const promptCharactersMax = 1_500;
export const seedMax = 2_147_483_637;
const sidePxMin = 32;
/** A bound on the memory of whatever holds a picture; a model's own limit decides below it. */
const sidePxMax = 4_096;
const sideStepPx = 8;
export const imagesMax = 8;
/** Above this side, half as many pictures. */
const largeSidePx = 768;
const largeImagesMax = 4;
/** Above this one, one picture: it has as many pixels as four. */
const hugeSidePx = 2_048;
const guidanceMax = 20;
/** A word or two. */
const subjectCharactersMax = 60;
/** What a picture measures when nobody said; a model that natively paints larger ones paints its own size. */
const defaultSidePx = 512;

/** Fills in what was left open and refuses what no model could paint. `drawSeed` is asked only when the request brings none. */
export function fullImageRequest(request: ImageRequest, model: ModelInfo, drawSeed: () => number): FullImageRequest {
  const widthPx = sideOf(request.widthPx, 'width', model.nativeWidthPx, model);
  const heightPx = sideOf(request.heightPx, 'height', model.nativeHeightPx, model);
  refuseUnevenSides(model, widthPx, heightPx);
  const initImage = initImageOf(request, model, widthPx, heightPx);
  const guidance = guidesOf(request, model);
  const adapters = adaptersOf(request, model);
  refuseUnlistedSize(model, widthPx, heightPx);
  return {
    prompt: promptOf(request.prompt),
    negativePrompt: negativePromptOf(request.negativePrompt),
    modelId: model.modelId,
    widthPx,
    heightPx,
    images: imagesOf(request.images, Math.max(widthPx, heightPx)),
    steps: stepsOf(request.steps, model),
    guidanceScale: guidanceOf(request.guidanceScale, model),
    seed: seedOf(request.seed, drawSeed),
    style: styleOf(request.style),
    ...(initImage ? { initImage } : {}),
    ...(guidance.length > 0 ? { guidance } : {}),
    ...(request.characterId === '' ? {} : { characterId: request.characterId.toLowerCase() }),
    ...(adapters.length > 0 ? { adapters } : {}),
    isPublic: request.isPublic,
  };
}

/** What of it will not act with this model. */
export const noticesOfRequest = (
  { negativePrompt, guidanceScale, initImage }: Pick<FullImageRequest, 'negativePrompt' | 'guidanceScale' | 'initImage'>,
  model: ModelInfo,
): RequestNotice[] => noticesOf(model, { negativePrompt, guidanceScale, start: initImage && startOf(initImage) });

const startOf = ({ strength, maskAssetId = '', placement }: Pick<InitImageUse, 'strength' | 'maskAssetId' | 'placement'>) => ({
  strength,
  hasMask: maskAssetId !== '',
  hasPlacement: placement !== undefined,
});

/** Control characters carry no meaning for a picture and make mischief in logs and file names; line breaks and tabs become spaces. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u001f\u007f-\u009f]/g;
const printable = (text: string): string =>
  text
    .replace(/[\t\n\r]+/g, ' ')
    .replace(controls, '')
    .trim();

function promptOf(text: string): string {
  const prompt = printable(text);
  if (prompt === '') throw invalidArgument('prompt_empty', 'A prompt says what to paint; this one is empty.', { param: 'prompt' });
  refuseLong(prompt, 'prompt');
  return prompt;
}

function negativePromptOf(text: string): string {
  const prompt = printable(text);
  refuseLong(prompt, 'negative_prompt');
  return prompt;
}

function refuseLong(text: string, param: string): void {
  if (text.length <= promptCharactersMax) return;
  throw invalidArgument('prompt_too_long', `At most ${promptCharactersMax} characters; this has ${text.length}.`, { param });
}

function sideOf(sidePx: number, param: string, nativePx: number, model: ModelInfo): number {
  const maxPx = Math.min(sidePxMax, model.maxSidePx);
  const minPx = Math.max(sidePxMin, model.minSidePx);
  if (sidePx === 0) return Math.min(maxPx, Math.max(nativePx, defaultSidePx));
  if (sidePx < minPx || sidePx > maxPx || sidePx % sideStepPx !== 0) {
    throw invalidArgument(
      'invalid_dimensions',
      `The ${param} must be a multiple of ${sideStepPx} from ${minPx} to ${maxPx} with ${model.modelId}; it is ${sidePx}.`,
      { param },
    );
  }
  return sidePx;
}

function imagesOf(images: number, longSidePx: number): number {
  if (images === 0) return 1;
  const max = longSidePx > hugeSidePx ? 1 : longSidePx > largeSidePx ? largeImagesMax : imagesMax;
  if (images > max)
    throw invalidArgument(
      'too_many_images',
      `At most ${max} ${max === 1 ? 'image' : 'images'} of this size in one job; ${images} were asked for.`,
      {
        param: 'num_images',
      },
    );
  return images;
}

function stepsOf(steps: number, model: ModelInfo): number {
  if (steps === 0) return model.defaultSteps;
  if (steps > model.maxSteps)
    throw invalidArgument('invalid_steps', `The number of steps must be from 1 to ${model.maxSteps}; it is ${steps}.`, {
      param: 'num_inference_steps',
    });
  return steps;
}

function guidanceOf(guidanceScale: number, model: ModelInfo): number {
  if (guidanceScale === 0) return model.defaultGuidanceScale;
  if (!(guidanceScale >= 1 && guidanceScale <= guidanceMax)) {
    throw invalidArgument('invalid_guidance_scale', `The guidance scale must be from 1 to ${guidanceMax}.`, { param: 'guidance_scale' });
  }
  return guidanceScale;
}

function seedOf(seed: bigint | undefined, drawSeed: () => number): number {
  if (seed === undefined) return drawSeed();
  if (seed < 0n || seed > BigInt(seedMax))
    throw invalidArgument('invalid_seed', `A seed is a whole number from 0 to ${seedMax}.`, { param: 'seed' });
  return Number(seed);
}

function styleOf(style: string): string {
  if (style === '') return 'NONE';
  const known = style.toUpperCase();
  if (!styles.has(known))
    throw invalidArgument('unknown_style', `There is no preset style "${style.slice(0, 40)}".`, { param: 'presetStyle' });
  return known;
}

function initImageOf(
  { initImage }: ImageRequest,
  model: ModelInfo,
  canvasWidthPx: number,
  canvasHeightPx: number,
): InitImageUse | undefined {
  try {
    refuseUnsupportedStart(model, initImage && startOf(initImage));
  } catch (error) {
    throw renamed(error, 'init_image_id');
  }
  if (!initImage) return undefined;
  const { assetId, strength, maskAssetId, placement } = initImage;
  if (!isUuid(assetId)) throw invalidInitImage('There is no such picture to start from.');
  if (maskAssetId !== '' && !isUuid(maskAssetId)) throw invalidMask('There is no such picture to use as a mask.');
  if (!(strength >= 0 && strength <= 1))
    throw invalidArgument('invalid_init_strength', 'The strength of an init image is from 0 to 1.', { param: 'init_strength' });
  return {
    assetId: assetId.toLowerCase(),
    strength,
    ...(maskAssetId === '' ? {} : { maskAssetId: maskAssetId.toLowerCase() }),
    ...(placement ? { placement: placementOf(placement, canvasWidthPx, canvasHeightPx) } : {}),
  };
}

function guidesOf({ guidance }: ImageRequest, model: ModelInfo): GuidanceUse[] {
  refuseUnguidable(guidance, model.guidanceKinds ?? [], model.modelId);
  return guidance.map(({ kind, assetId, strength, subject }) => {
    if (!isUuid(assetId)) throw invalidGuidance('There is no such picture to be guided by.');
    const word = printable(subject);
    if (word.length > subjectCharactersMax) throw invalidGuidance(`The word for a character has at most ${subjectCharactersMax} letters.`);
    return { kind, assetId: assetId.toLowerCase(), strength, subject: word };
  });
}

function adaptersOf({ adapters }: ImageRequest, model: ModelInfo): AdapterUse[] {
  const isUploaded = (id: string) => model.adapterFamily !== undefined && isUuid(id) && !model.adapterIds?.includes(id);
  refuseUnadaptable(
    adapters.map(({ adapterId, weight }) => ({ id: adapterId, weight, isUploaded: isUploaded(adapterId) })),
    model.adapterIds,
    model.modelId,
  );
  return adapters.map(({ adapterId, weight }) =>
    isUploaded(adapterId) ? { adapterId: adapterId.toLowerCase(), weight, assetId: adapterId.toLowerCase() } : { adapterId, weight },
  );
}

function placementOf({ leftPx, topPx, widthPx, heightPx }: Placement, canvasWidthPx: number, canvasHeightPx: number): Placement {
  const isWithin =
    leftPx + widthPx <= canvasWidthPx && topPx + heightPx <= canvasHeightPx && widthPx >= sideStepPx && heightPx >= sideStepPx;
  if (isWithin) return { leftPx, topPx, widthPx, heightPx };
  throw invalidArgument(
    'invalid_placement',
    `The init image must lie within the picture of ${canvasWidthPx} x ${canvasHeightPx} pixels and be at least ${sideStepPx} pixels long on each side.`,
    { param: 'init_placement' },
  );
}

export const requestMessage = ({
  seed,
  initImage,
  guidance,
  adapters,
  operation,
  ...rest
}: FullImageRequest): MessageInitShape<typeof ImageRequestSchema> => ({
  ...rest,
  seed: BigInt(seed),
  ...(initImage ? { initImage: { ...initImage } } : {}),
  ...(adapters ? { adapters: adapters.map((each) => ({ ...each })) } : {}),
  ...(guidance ? { guidance: guidance.map((each) => ({ ...each })) } : {}),
  ...(operation ? { operation: { assetId: operation.assetId, kind: { case: operation.kind, value: {} } } } : {}),
});
