import type { ModelInfo } from '@tessera/models/model-info.js';

export const model: ModelInfo = {
  modelId: 'mosaic-3d',
  name: 'Mosaic 3D',
  description: '',
  version: '1',
  aliases: ['mosaic'],
  leonardoId: 'b24e16ff-06e3-43eb-8d33-4416c2d75876',
  isDefault: true,
  nativeWidthPx: 128,
  nativeHeightPx: 128,
  minSidePx: 32,
  maxSidePx: 1024,
  defaultSteps: 20,
  maxSteps: 60,
  defaultGuidanceScale: 7,
  supportsInitImage: true,
  guidanceKinds: ['edges', 'character'],
  adapterIds: ['ink'],
};
