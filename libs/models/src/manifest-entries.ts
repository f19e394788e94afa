import { z } from 'zod';

/** What a manifest of any pipeline says of one model. */
export const variantOfAny = z.strictObject({
  modelId: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'lower-case letters, digits, dots and dashes'),
  name: z.string().min(1),
  description: z.string().min(1),
  aliases: z.array(z.string().min(1)),
  leonardoId: z.uuid(),
  isDefault: z.boolean(),
  /** Where it differs from the family's. */
  defaultSteps: z.int().positive().optional(),
});

/** A graph that makes a picture `factor` times as large; of any size, pictures in 0..1. */
export const enlargingGraph = z.strictObject({
  file: z.string().min(1),
  factor: z.int().min(2),
  input: z.string(),
  output: z.string(),
  /** How far around a pixel it looks, in pixels of what goes in: tiles overlap by so much, and then no seam can show. */
  receptiveFieldPx: z.int().min(0).default(20),
});
export type EnlargingGraph = z.infer<typeof enlargingGraph>;

/** What may be asked of every model of a family. */
export const limits = z.strictObject({
  minSidePx: z.int().positive(),
  maxSidePx: z.int().positive(),
  defaultSteps: z.int().positive(),
  maxSteps: z.int().positive(),
  defaultGuidanceScale: z.number().positive(),
});
