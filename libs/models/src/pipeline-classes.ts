import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { guidanceKinds } from './guidance.js';
import { parseFile } from './parse-file.js';

/** The table stands beside the Python that acts by it, so that what is promised here is what happens there. */
const tablePath = path.resolve(import.meta.dirname, '../../../deploy/python/tessera_diffusion/pipeline_classes.json');

const guidanceMeaning = z.enum(['guidance_scale', 'true_cfg_scale', 'embedded']);
const negativePromptUse = z.enum(['always', 'with_true_cfg', 'never']);

const pipelineClass = z.strictObject({
  family: z.string().min(1),
  /** Which argument of the pipeline the request's guidance scale goes to; `embedded` is distilled guidance, not classifier-free guidance. */
  guidance: guidanceMeaning,
  negativePrompt: negativePromptUse,
  sideMultiplePx: z.int().positive(),
  promptTokens: z.int().positive(),
  /** What lies beyond `promptTokens` is read as well; otherwise it is cut, with a notice. */
  longPrompts: z.boolean(),
  /** "(fox:1.5)" acts. */
  weightedWords: z.boolean(),
  defaultGuidanceScale: z.number().positive(),
  defaultSteps: z.int().positive(),
  /** How Python turns latents into previews. */
  latents: z.string().min(1),
  initImage: z.boolean(),
  inpaint: z.boolean(),
  /** The picture goes in as it is, and the prompt is an instruction. */
  edit: z.boolean(),
  /** It generates nothing without a picture. */
  needsPicture: z.boolean().default(false),
  /** In which ways pictures can guide, if the manifest names weights for them. */
  control: z.array(z.enum(guidanceKinds)),
  references: z.array(z.enum(guidanceKinds)),
  lora: z.boolean(),
  singleFile: z.boolean(),
});

/** What a pipeline class of diffusers takes and can do. */
export type PipelineClass = z.infer<typeof pipelineClass>;
export type GuidanceMeaning = z.infer<typeof guidanceMeaning>;
export type NegativePromptUse = z.infer<typeof negativePromptUse>;

/** By the name of the class, `_class_name` of a `model_index.json`. */
const pipelineClasses: ReadonlyMap<string, PipelineClass> = new Map(
  Object.entries(parseFile(z.record(z.string(), pipelineClass), readFileSync(tablePath, 'utf8'), tablePath)),
);

/** Undefined for a class that the table does not know. */
export const pipelineClassOf = (name: string | undefined): PipelineClass | undefined =>
  name === undefined ? undefined : pipelineClasses.get(name);
