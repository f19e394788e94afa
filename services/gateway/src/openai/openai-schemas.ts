import { z } from 'zod';
import { unsupportedFeature } from '../errors.js';
import type { ImageRequestInit } from '../generations/generations.js';
import { text } from '../http/schemas/text.js';

const ignored = 'Accepted for compatibility; ignored.';

export const imagesBody = z
  .strictObject({
    prompt: text(100_000),
    n: z.int().min(1).max(8).nullish(),
    model: text(200).nullish().describe("A model of this server; OpenAI's own names (dall-e-*, gpt-image-*) mean the default model."),
    size: text(20).nullish().describe('"auto" or WIDTHxHEIGHT, for example "512x512".'),
    response_format: z.enum(['url', 'b64_json']).nullish().describe('Default `url`; `b64_json` for gpt-image-* names, as there.'),
    seed: z.int().min(0).max(2_147_483_637).nullish().describe('Beyond OpenAI.'),
    negative_prompt: text(100_000).nullish().describe('Beyond OpenAI.'),
    steps: z.int().min(1).max(60).nullish().describe('Beyond OpenAI.'),
    guidance_scale: z.number().min(1).max(20).nullish().describe('Beyond OpenAI.'),
    style: z.enum(['vivid', 'natural']).nullish().describe(ignored),
    quality: z.enum(['auto', 'standard', 'hd', 'low', 'medium', 'high']).nullish().describe(ignored),
    user: text(1_000).nullish().describe(ignored),
    moderation: z.enum(['auto', 'low']).nullish().describe(ignored),
    output_compression: z.int().min(0).max(100).nullish().describe(ignored),
    background: z.enum(['auto', 'opaque', 'transparent']).nullish().describe('`transparent` is refused.'),
    output_format: z.enum(['png', 'jpeg', 'webp']).nullish().describe('Only `png`.'),
    stream: z.boolean().nullish().describe('`true` is refused.'),
    partial_images: z.int().min(0).max(3).nullish().describe('Above 0 is refused.'),
  })
  .meta({ id: 'OpenAiImages' });

type ImagesBody = z.infer<typeof imagesBody>;

const isGptImage = (model: string | null | undefined): boolean => /^(gpt-image|chatgpt-image)/.test(model ?? '');

/** Programs have OpenAI's names built in. */
const isOpenAiName = (model: string): boolean => isGptImage(model) || /^dall-e-\d$/.test(model);

export const formatOf = ({ response_format, model }: ImagesBody): 'url' | 'b64_json' =>
  response_format ?? (isGptImage(model) ? 'b64_json' : 'url');

export function imageRequestOf(body: ImagesBody): ImageRequestInit {
  if (body.background === 'transparent') throw unsupportedFeature('background');
  if (body.output_format && body.output_format !== 'png') throw unsupportedFeature('output_format');
  if (body.stream) throw unsupportedFeature('stream');
  if (body.partial_images) throw unsupportedFeature('partial_images');
  return {
    prompt: body.prompt,
    negativePrompt: body.negative_prompt ?? '',
    modelId: body.model && !isOpenAiName(body.model) ? body.model : '',
    ...sizeOf(body.size),
    images: body.n ?? 1,
    steps: body.steps ?? 0,
    guidanceScale: body.guidance_scale ?? 0,
    ...(typeof body.seed === 'number' ? { seed: BigInt(body.seed) } : {}),
    style: 'NONE',
  };
}

function sizeOf(size: string | null | undefined): { widthPx: number; heightPx: number } {
  if (!size || size === 'auto') return { widthPx: 0, heightPx: 0 };
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(size) ?? [];
  if (!width || !height) throw unsupportedFeature('size', '"size" must be "auto" or WIDTHxHEIGHT, for example "512x512".');
  return { widthPx: Number(width), heightPx: Number(height) };
}
