import path from 'node:path';
import { z } from 'zod';
import { guidanceKinds } from './guidance.js';
import { enlargingGraph, limits, variantOfAny } from './manifest-entries.js';
import type { PipelineClass } from './pipeline-classes.js';

const isBelow = (file: string): boolean => !path.isAbsolute(file) && !file.split(/[/\\]/).includes('..');
const below = z.string().min(1).refine(isBelow, 'a path below the folder of the manifest');
const safetensors = z.string().regex(/^(?!\/)(?!.*\.\.).+\.safetensors$/, 'a .safetensors file below the folder of the manifest');
const className = z.string().regex(/^[A-Za-z]\w*$/, 'the name of a class of diffusers');

/** A LoRA file below the family's folder, and how strongly it acts. */
const adapter = z.strictObject({ file: safetensors, weight: z.number().min(-2).max(2) });

const kinds = z.array(z.enum(guidanceKinds)).min(1);

/** Weights by which pictures control where things are. */
const controlNet = z.strictObject({
  kinds,
  folder: below,
  /** Of one ControlNet for several kinds: the number that it knows each by. */
  unionModes: z.partialRecord(z.enum(guidanceKinds), z.int().nonnegative()).optional(),
  /** Multiplies the strength that a request asks for. */
  conditioningScale: z.number().positive().max(4).default(1),
});

/** Weights by which pictures are referred to for their manner or for somebody's looks. */
const ipAdapter = z.strictObject({ kinds, file: safetensors, imageEncoderFolder: below });

/** What a diffusers family says in its `manifest.json`; the Python package reads the same file (deploy/python). What is absent comes from the table of pipeline classes. */
export const diffusersSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Whatever `DiffusionPipeline.from_pretrained` loads: SDXL, FLUX and others. */
  pipeline: z.literal('diffusers'),
  version: z.string().min(1),
  license: z.string().min(1).optional(),
  /** Where the weights come from. */
  source: z.string().min(1).optional(),
  /** Variants share their weights and differ in the adapters that act. */
  variants: z.array(variantOfAny.extend({ adapters: z.array(adapter).max(4) })).min(1),
  limits: limits.partial({ defaultSteps: true, defaultGuidanceScale: true }),
  nativeSidePx: z.int().positive(),
  /** Where `model_index.json` lies, from the manifest on. */
  pipelineFolder: below.optional(),
  /** A checkpoint in one file, in place of `pipelineFolder`; tokenizers and configuration lie in `configFolder`. */
  singleFile: safetensors.optional(),
  configFolder: below.optional(),
  /** Needed with `singleFile`; otherwise `model_index.json` says it. */
  pipelineClass: className.optional(),
  dtype: z.enum(['float32', 'float16', 'bfloat16']),
  /** Pictures of a batch that go through the pipeline together. 1: a picture does not depend on its batch-mates; more: faster on a large GPU, and equal to the last bits only. */
  picturesAtOnce: z.int().min(1).max(16),
  /** ONNX graphs that enlarge finished pictures. Absent: those that come with Tessera. */
  superResolution: z.array(enlargingGraph).optional(),
  controlNets: z.array(controlNet).default([]),
  ipAdapters: z.array(ipAdapter).default([]),
  /** LoRA files that requests may name, by their ids. */
  adapterFiles: z.record(z.string().min(1).max(80), safetensors).optional(),
  quantization: z.enum(['none', 'bnb-nf4', 'bnb-int8', 'torchao-int8', 'torchao-fp8', 'layerwise-fp8']).optional(),
  /** What of the weights waits in the memory of the host. */
  offload: z.enum(['none', 'model', 'group']).optional(),
  compile: z.boolean().optional(),
  vaeTiling: z.boolean().optional(),
  scheduler: className.optional(),
  /** Classes of schedulers, by the names that Leonardo's API has for them. */
  schedulers: z.record(z.string().min(1), className).optional(),
});

export type DiffusersManifest = Omit<z.infer<typeof diffusersSchema>, 'limits' | 'pipelineClass'> & {
  /** Where the paths in the manifest start. */
  readonly folder: string;
  readonly limits: z.infer<typeof limits>;
  /** Undefined: neither the manifest nor its weights say it. */
  readonly pipelineClass: string | undefined;
  /** What its class can do; undefined for one that the table does not know, which generates from text alone. */
  readonly capabilities: PipelineClass | undefined;
};
