import { invalidArgument, type TesseraError } from '@tessera/platform/errors.js';

export const invalidInitImage = (message: string): TesseraError =>
  invalidArgument('invalid_init_image', message, { param: 'init_image_id' });

export const invalidMask = (message: string): TesseraError => invalidArgument('invalid_mask', message, { param: 'init_mask_id' });

export const invalidGuidance = (message: string): TesseraError => invalidArgument('invalid_guidance', message, { param: 'guidance' });

export const unknownAdapter = (assetId: string): TesseraError =>
  invalidArgument('unknown_adapter', `There is no adapter "${assetId}".`, { param: 'adapters' });

export const foreignAdapter = (assetId: string, family: string, modelId: string, wanted = ''): TesseraError =>
  invalidArgument('foreign_adapter', `The adapter "${assetId}" was trained on ${family}; ${modelId} takes those of ${wanted}.`, {
    param: 'adapters',
  });
