import path from 'node:path';
import { z } from 'zod';
import { enlargingGraph, limits, variantOfAny } from './manifest-entries.js';

/** A LoRA file below the family's folder, and how strongly it acts. */
const adapter = z.strictObject({
  file: z.string().regex(/^(?!\/)(?!.*\.\.).+\.safetensors$/, 'a .safetensors file below the folder of the manifest'),
  weight: z.number().min(-2).max(2),
});

/** What a diffusers family says in its `manifest.json`; Triton's model reads the same file (deploy/triton). Nothing is optional that Python would have to guess as well. */
export const diffusersSchema = z.strictObject({
  formatVersion: z.literal(1),
  /** Whatever `DiffusionPipeline.from_pretrained` loads: SDXL, FLUX and others. */
  pipeline: z.literal('diffusers'),
  version: z.string().min(1),
  /** Variants share their weights and differ in the adapters that act. */
  variants: z.array(variantOfAny.extend({ adapters: z.array(adapter).max(4) })).min(1),
  limits,
  nativeSidePx: z.int().positive(),
  /** Where `model_index.json` lies, from the manifest on. */
  pipelineFolder: z.string().refine((folder) => !path.isAbsolute(folder) && !folder.includes('..'), 'a folder below that of the manifest'),
  dtype: z.enum(['float32', 'float16', 'bfloat16']),
  /** Pictures of a batch that go through the pipeline together. 1: a picture does not depend on its batch-mates; more: faster on a large GPU, and equal to the last bits only. */
  picturesAtOnce: z.int().min(1).max(16),
  /** ONNX graphs that enlarge finished pictures. Absent: those that come with Tessera. */
  superResolution: z.array(enlargingGraph).optional(),
});

export type DiffusersManifest = z.infer<typeof diffusersSchema> & {
  /** Where the paths in the manifest start. */
  readonly folder: string;
};
