import { invalidArgument, unavailable, type TesseraError } from '@tessera/platform/errors.js';

export const unknownModel = (modelId: string, closest: string | undefined): TesseraError =>
  invalidArgument('unknown_model', `There is no model "${modelId.slice(0, 80)}".${closest ? ` Did you mean "${closest}"?` : ''}`, { param: 'model_id' });

export const noModels = (): TesseraError => unavailable('no_models', 'No model is loaded, so nothing can be painted.');

export const invalidInitImage = (message: string): TesseraError => invalidArgument('invalid_init_image', message, { param: 'init_image_id' });

export const invalidMask = (message: string): TesseraError => invalidArgument('invalid_mask', message, { param: 'init_mask_id' });

export const invalidGuidance = (message: string): TesseraError => invalidArgument('invalid_guidance', message, { param: 'guidance' });
