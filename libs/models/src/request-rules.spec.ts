import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TesseraError } from '@tessera/platform/errors.js';
import { describeModels } from './describe-models.js';
import { bundledModelsDir, loadFamilies } from './families.js';
import type { ModelInfo } from './model-info.js';
import { noticesOf, refuseUnevenSides, refuseUnsupportedStart } from './request-rules.js';
import { diffusersFolder } from './testing/diffusers-folder.js';

const start = { strength: 0, hasMask: false, hasPlacement: false };
const reasonOf = (refusing: () => void): string | undefined => {
  try {
    return void refusing();
  } catch (error) {
    return error instanceof TesseraError ? error.reason : String(error);
  }
};

describe('what may be asked of a model', () => {
  let modelsDir: string;
  let models: ReadonlyMap<string, ModelInfo>;
  beforeAll(async () => {
    modelsDir = await diffusersFolder(
      ['StableDiffusionXLPipeline', 'FluxPipeline', 'FluxKontextPipeline', 'QwenImagePipeline', 'QwenImageEditPipeline'].map(
        (className) => ({
          className,
          modelId: className.toLowerCase().replace('pipeline', ''),
        }),
      ),
    );
    const families = [...(await loadFamilies(modelsDir)), ...(await loadFamilies(bundledModelsDir))];
    models = new Map(describeModels('noop', families).map((model) => [model.modelId, model]));
  });
  afterAll(() => rm(modelsDir, { recursive: true, force: true }));
  const model = (modelId: string) => models.get(modelId)!;

  it('are sides that its pipeline does not round, and the refusal names the nearest ones', () => {
    expect(() => refuseUnevenSides(model('flux'), 520, 1000)).toThrow(
      'The width must be a multiple of 16 with flux; it is 520. The nearest size is 528 x 1008.',
    );
    expect(() => refuseUnevenSides(model('flux'), 512, 1019)).toThrow('The nearest size is 512 x 1024.');
    for (const modelId of ['stablediffusionxl', 'mosaic-3d']) expect(() => refuseUnevenSides(model(modelId), 520, 1000)).not.toThrow();
  });

  it.each([
    ['mosaic-3d', start, undefined],
    ['mosaic-3d', { ...start, hasMask: true }, undefined],
    ['flux', { ...start, hasPlacement: true }, undefined],
    ['fluxkontext', start, undefined],
    ['fluxkontext', { ...start, hasMask: true }, 'unsupported_mask'],
    ['fluxkontext', { ...start, hasPlacement: true }, 'unsupported_mask'],
    ['fluxkontext', undefined, undefined],
    ['qwenimageedit', undefined, 'init_image_required'],
  ])('%s from %j: %s', (modelId, from, reason) => {
    expect(reasonOf(() => refuseUnsupportedStart(model(modelId), from))).toBe(reason);
  });

  const kinds = (modelId: string, guidanceScale: number, more: object = {}) =>
    noticesOf(model(modelId), { negativePrompt: 'blurry', guidanceScale, ...more }).map(({ kind }) => kind);

  it.each([
    ['stablediffusionxl', 7, []],
    ['stablediffusionxl', 1, ['negative_prompt_ignored']],
    ['flux', 7, ['negative_prompt_ignored']],
    ['qwenimage', 4, []],
    ['qwenimage', 1, ['negative_prompt_ignored']],
    ['mosaic-3d', 1, []],
    ['mosaic-turbo', 7, ['negative_prompt_ignored']],
  ])('a negative prompt with %s at a guidance scale of %d is answered by %j', (modelId, guidanceScale, expected) => {
    expect(kinds(modelId, guidanceScale)).toEqual(expected);
  });

  it('no negative prompt, no notice', () => {
    expect(noticesOf(model('flux'), { negativePrompt: '', guidanceScale: 3.5 })).toEqual([]);
  });

  it.each([
    [0.5, []],
    [0, []],
    [0.8, ['init_strength_ignored']],
  ])('a strength of %d of a picture that is edited is answered by %j', (strength, expected) => {
    expect(
      noticesOf(model('fluxkontext'), { negativePrompt: '', guidanceScale: 2, start: { ...start, strength } }).map(({ kind }) => kind),
    ).toEqual(expected);
    expect(noticesOf(model('flux'), { negativePrompt: '', guidanceScale: 2, start: { ...start, strength } })).toEqual([]);
  });
});
