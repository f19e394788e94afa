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

/** What may be asked of every model of a family. */
export const limits = z.strictObject({
  minSidePx: z.int().positive(),
  maxSidePx: z.int().positive(),
  defaultSteps: z.int().positive(),
  maxSteps: z.int().positive(),
  defaultGuidanceScale: z.number().positive(),
});
