import { z } from 'zod';
import { unsupportedFeature } from '../../errors.js';
import type { ImageRequestInit } from '../generations.js';
import { controlnets, guidanceOf } from './controlnets.js';
import { presetByStyleUuid, presetStyles, pricingServices, schedulers, sdVersions } from './leonardo-enums.js';
import { initImageOf, placement } from './starting-picture.js';
import { text } from '../../http/schemas/text.js';

/** The prompt's own limit is the generation service's; this one only bounds the work. */
const promptCharsMax = 100_000;
const idCharsMax = 200;
const switched = z.boolean().nullish();
const number = z.number().nullish();
const anId = text(idCharsMax).nullish();
const aWord = text(idCharsMax).nullish();
const side = z.int().min(32).max(1536).multipleOf(8).nullish();
const accepted = 'Accepted for compatibility; without meaning for the models here.';
const refused = 'Not supported yet: refused with `unsupported_feature` when switched on.';

export const createGenerationBody = z
  .strictObject({
    prompt: text(promptCharsMax).describe('What to paint, 1 to 1500 characters.'),
    negative_prompt: text(promptCharsMax).nullish().describe('What not to paint.'),
    modelId: anId.describe('Leonardo UUID, name or alias of a model; absent or null: the default model.'),
    width: side.describe("Pixels, a multiple of 8; absent: the model's default."),
    height: side.describe("Pixels, a multiple of 8; absent: the model's default."),
    num_images: z.int().min(1).max(8).nullish().describe('1 to 8 (4 when a side is over 768 px); default 1.'),
    num_inference_steps: z.int().min(1).max(60).nullish().describe("Absent: the model's default."),
    guidance_scale: z.number().min(1).max(20).nullish().describe("Absent: the model's default."),
    seed: z
      .int()
      .min(0)
      .max(2_147_483_637)
      .nullish()
      .describe('The same request with the same seed gives the same bytes; absent: drawn and reported.'),
    presetStyle: z.enum(presetStyles).nullish(),
    styleUUID: anId.describe('A preset style by its Leonardo UUID; wins over `presetStyle`.'),
    init_image_id: anId.describe('Id of an upload or of a generated picture to start from.'),
    init_generation_image_id: anId.describe('The same as `init_image_id`.'),
    init_strength: z
      .number()
      .min(0)
      .max(1)
      .nullish()
      .describe('0 ignores the init image, 1 keeps it; default 0.5, or 0 where only a part is repainted.'),
    init_mask_id: anId.describe("Id of a picture of the init image's proportions: white is repainted, black stays as it is."),
    init_placement: placement
      .nullish()
      .describe('Where the init image lies in the picture, in its pixels; what it does not cover is painted.'),
    public: switched,
    alchemy: switched.describe(accepted),
    contrast: number.describe(accepted),
    contrastRatio: number.describe(accepted),
    enhancePrompt: switched.describe(accepted),
    enhancePromptInstruction: text(promptCharsMax).nullish().describe(accepted),
    expandedDomain: switched.describe(accepted),
    fantasyAvatar: switched.describe(accepted),
    highContrast: switched.describe(accepted),
    highResolution: switched.describe(accepted),
    photoReal: switched.describe(accepted),
    photoRealStrength: number.describe(accepted),
    photoRealVersion: aWord.describe(accepted),
    promptMagic: switched.describe(accepted),
    promptMagicStrength: number.describe(accepted),
    promptMagicVersion: aWord.describe(accepted),
    scheduler: z.enum(schedulers).nullish().describe(accepted),
    sd_version: z.enum(sdVersions).nullish().describe(accepted),
    tiling: switched.describe(accepted),
    ultra: switched.describe(accepted),
    imagePromptWeight: number.describe(accepted),
    weighting: number.describe(accepted),
    canvasRequest: switched.describe('Starts from `canvasInitId`, and repaints what `canvasMaskId` shows white.'),
    canvasRequestType: z
      .enum(['INPAINT', 'OUTPAINT', 'SKETCH2IMG', 'IMG2IMG'])
      .nullish()
      .describe('The first two need a mask; default INPAINT.'),
    canvasInitId: anId.describe('Id of an upload or of a generated picture.'),
    canvasMaskId: anId.describe('Id of a picture: white is repainted, black stays as it is.'),
    unzoom: switched.describe('Lays `init_image_id` smaller into the middle and paints around it; needs `width` and `height`.'),
    unzoomAmount: z.number().gt(1).max(4).nullish().describe('How much wider the view becomes; default 1.5.'),
    controlNet: switched.describe(refused),
    controlNetType: z.enum(['POSE', 'CANNY', 'DEPTH']).nullish().describe(accepted),
    controlnets: controlnets.nullish().describe('At most five pictures that guide the one to paint.'),
    characterId: anId.describe('Beyond Leonardo: a registered character, whose pictures guide beside `controlnets`.'),
    characterSubject: aWord.describe('The word of the prompt that the character stands for; absent: the first thing.'),
    elements: z
      .array(z.strictObject({ akUUID: text(idCharsMax), weight: z.number().min(-2).max(2).nullish() }))
      .max(20)
      .nullish()
      .describe('Adapters that stand beside the model, by their ids (`tessera.adapterIds`); at most four, weight 1 by default.'),
    userElements: z.array(z.unknown()).nullish().describe(refused),
    imagePrompts: z.array(z.unknown()).nullish().describe(refused),
    transparency: z.enum(['disabled', 'foreground_only']).nullish().describe(refused),
    upscaleRatio: number.describe(refused),
  })
  .meta({ id: 'CreateGeneration' });

export type CreateGenerationBody = z.infer<typeof createGenerationBody>;

const absentOnes = ['controlNet', 'userElements', 'imagePrompts', 'upscaleRatio'] as const;

const isSwitchedOn = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== false && value !== '';

/** Throws InvalidArgument `unsupported_feature` rather than paint something else than was asked for. */
export function imageRequestOf(body: CreateGenerationBody): ImageRequestInit {
  for (const name of absentOnes) if (isSwitchedOn(body[name])) throw unsupportedFeature(name);
  if (body.transparency === 'foreground_only') throw unsupportedFeature('transparency');
  const initImage = initImageOf(body);
  return {
    prompt: body.prompt,
    negativePrompt: body.negative_prompt ?? '',
    modelId: body.modelId ?? '',
    widthPx: body.width ?? 0,
    heightPx: body.height ?? 0,
    images: body.num_images ?? 1,
    steps: body.num_inference_steps ?? 0,
    guidanceScale: body.guidance_scale ?? 0,
    ...(typeof body.seed === 'number' ? { seed: BigInt(body.seed) } : {}),
    style: styleOf(body),
    ...(initImage ? { initImage } : {}),
    guidance: guidanceOf(body.controlnets),
    characterId: body.characterId ?? '',
    characterSubject: body.characterSubject ?? '',
    adapters: (body.elements ?? []).map(({ akUUID, weight }) => ({ adapterId: akUUID, weight: weight ?? 1 })),
    isPublic: body.public ?? false,
  };
}

function styleOf({ styleUUID, presetStyle }: CreateGenerationBody): string {
  if (!styleUUID) return presetStyle ?? 'NONE';
  const preset = presetByStyleUuid.get(styleUUID.toLowerCase());
  if (!preset) throw unsupportedFeature('styleUUID', 'This style is not known here; use one of the preset styles.');
  return preset;
}

const imagePricing = z.strictObject({
  imageWidth: z.int().min(32).max(1536).multipleOf(8).nullish(),
  imageHeight: z.int().min(32).max(1536).multipleOf(8).nullish(),
  numImages: z.int().min(1).max(8).nullish(),
  inferenceSteps: z.int().min(1).max(60).nullish(),
  modelId: anId.describe('Beyond Leonardo: the model to price; its flags below stand for models that are not here.'),
  alchemyMode: switched,
  highResolution: switched,
  controlnetsCost: z.int().nullish(),
  isFluxDev: switched,
  isFluxKontext: switched,
  isFluxSchnell: switched,
  isModelCustom: switched,
  isPhoenix: switched,
  isSDXL: switched,
  isSDXLLightning: switched,
  isUltra: switched,
  loraCount: z.int().nullish(),
  photoRealMode: switched,
  photoRealStrength: number,
  photoRealVersion: aWord,
  promptMagic: switched,
  promptMagicStrength: number,
  promptMagicVersion: aWord,
});

export const pricingBody = z
  .strictObject({
    service: z.enum(pricingServices),
    serviceParams: z.looseObject({ IMAGE_GENERATION: imagePricing.nullish() }).nullish(),
  })
  .meta({ id: 'PricingCalculator' });

/** The image request that is priced; its prompt plays no part. */
export function pricedRequestOf({ service, serviceParams }: z.infer<typeof pricingBody>): ImageRequestInit {
  if (service !== 'IMAGE_GENERATION')
    throw unsupportedFeature('service', `${service} is not supported by this server yet; it prices IMAGE_GENERATION.`);
  const params = serviceParams?.IMAGE_GENERATION;
  return {
    prompt: 'price',
    modelId: params?.modelId ?? '',
    widthPx: params?.imageWidth ?? 0,
    heightPx: params?.imageHeight ?? 0,
    images: params?.numImages ?? 1,
    steps: params?.inferenceSteps ?? 0,
    style: 'NONE',
  };
}

export const initImageExtensions = ['png', 'jpg', 'jpeg', 'webp'] as const;
const extension = z.enum(initImageExtensions, { error: 'invalid file extension: use png, jpg, jpeg or webp' });
export const uploadInitImageBody = z.strictObject({ extension }).meta({ id: 'UploadInitImage' });
export const uploadCanvasInitImageBody = z
  .strictObject({ initExtension: extension, maskExtension: extension })
  .meta({ id: 'UploadCanvasInitImage' });
