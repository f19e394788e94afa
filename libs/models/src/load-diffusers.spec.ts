import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { describeModels } from './describe-models.js';
import { loadFamilies, offeredForTextAlone } from './families.js';
import type { ModelInfo } from './model-info.js';
import { diffusersFolder, plainManifest } from './testing/diffusers-folder.js';

let modelsDir: string | undefined;
afterEach(async () => {
  if (modelsDir !== undefined) await rm(modelsDir, { recursive: true, force: true });
});

async function familiesOf(className: string, manifest: object = {}) {
  modelsDir = await diffusersFolder([{ className, modelId: 'tiny', manifest }]);
  return loadFamilies(modelsDir);
}
const described = async (className: string, manifest: object = {}): Promise<ModelInfo> =>
  describeModels('noop', await familiesOf(className, manifest))[0]!;

const canny = { kinds: ['edges', 'depth'], folder: 'controlnet', unionModes: { edges: 0, depth: 2 } };
const style = { kinds: ['style'], file: 'ip/adapter.safetensors', imageEncoderFolder: 'ip/image_encoder' };

describe('a diffusers family is described by the class that its weights name', () => {
  it.each([
    [
      'StableDiffusionPipeline',
      {
        sideMultiplePx: 8,
        guidance: 'guidance_scale',
        negativePrompt: 'always',
        promptTokens: 77,
        longPrompts: true,
        defaultGuidanceScale: 7.5,
      },
    ],
    [
      'StableDiffusionXLPipeline',
      { sideMultiplePx: 8, supportsInitImage: true, supportsInpaint: true, supportsEdit: false, weightedWords: true },
    ],
    ['StableDiffusion3Pipeline', { sideMultiplePx: 16, promptTokens: 256, longPrompts: false, defaultSteps: 28 }],
    ['FluxPipeline', { sideMultiplePx: 16, guidance: 'embedded', negativePrompt: 'with_true_cfg', defaultGuidanceScale: 3.5 }],
    ['FluxKontextPipeline', { supportsInitImage: true, supportsInpaint: false, supportsEdit: true, defaultGuidanceScale: 2.5 }],
    ['QwenImagePipeline', { guidance: 'true_cfg_scale', defaultSteps: 50, supportsInpaint: true }],
    ['QwenImageEditPipeline', { supportsEdit: true, needsInitImage: true }],
    ['ZImagePipeline', { sideMultiplePx: 16, promptTokens: 512, guidanceKinds: [], adapterIds: [] }],
  ])('%s', async (pipelineClass, expected) => {
    expect(await described(pipelineClass)).toMatchObject({ pipelineClass, ...expected });
  });

  it('can be guided in the ways that its manifest names weights for', async () => {
    const model = await described('StableDiffusionXLPipeline', { controlNets: [canny], ipAdapters: [style], license: 'Apache-2.0' });
    expect(model).toMatchObject({ guidanceKinds: ['edges', 'depth', 'style'], license: 'Apache-2.0' });
    expect((await described('StableDiffusionXLPipeline')).guidanceKinds).toEqual([]);
  });

  it('takes the adapters that its manifest names', async () => {
    const model = await described('FluxPipeline', { adapterFiles: { ink: 'adapters/ink.safetensors' } });
    expect(model.adapterIds).toEqual(['ink']);
  });

  it('keeps the defaults that its manifest says', async () => {
    const limits = { ...plainManifest.limits, defaultSteps: 4, defaultGuidanceScale: 1 };
    expect(await described('FluxPipeline', { limits })).toMatchObject({ defaultSteps: 4, defaultGuidanceScale: 1 });
  });

  it('has limits that its class can make pictures at', async () => {
    const limits = { ...plainManifest.limits, minSidePx: 100, maxSidePx: 1000 };
    expect(await described('FluxPipeline', { limits, nativeSidePx: 600 })).toMatchObject({
      minSidePx: 112,
      maxSidePx: 992,
      nativeWidthPx: 592,
    });
  });
});

describe('a class that the table does not know', () => {
  const limits = { ...plainManifest.limits, defaultSteps: 20, defaultGuidanceScale: 5 };

  it('is offered for text to image alone, and the log is told so', async () => {
    const families = await familiesOf('MarigoldPipeline', { limits, controlNets: [canny] });
    const [model] = describeModels('noop', families);
    expect(model).toMatchObject({ pipelineClass: 'MarigoldPipeline', supportsInitImage: false });
    expect([model?.guidanceKinds, model?.adapterIds]).toEqual([undefined, undefined]);
    expect(offeredForTextAlone(families)).toEqual([
      { folder: path.join(modelsDir!, 'tiny'), sentence: expect.stringContaining('MarigoldPipeline') },
    ]);
  });

  it('needs defaults in its manifest', async () => {
    await expect(familiesOf('MarigoldPipeline')).rejects.toThrow('limits needs defaultSteps and defaultGuidanceScale');
  });
});

describe('a checkpoint in one file', () => {
  const { pipelineFolder: _, ...manifest } = plainManifest;
  const single = { singleFile: 'model.safetensors', configFolder: 'config', pipelineClass: 'StableDiffusionXLPipeline' };
  const load = async (more: object) => {
    modelsDir = await diffusersFolder([{ className: 'FluxPipeline', modelId: 'tiny' }]);
    const variants = [
      {
        modelId: 'one',
        name: 'One',
        description: '.',
        aliases: [],
        leonardoId: '1e60896f-3c26-4296-8ecc-53e2afecc132',
        isDefault: true,
        adapters: [],
      },
    ];
    await writeFile(path.join(modelsDir, 'tiny', 'manifest.json'), JSON.stringify({ ...manifest, variants, ...more }));
    return describeModels('noop', await loadFamilies(modelsDir));
  };

  it('is described by the class that the manifest names', async () => {
    expect(await load(single)).toMatchObject([{ pipelineClass: 'StableDiffusionXLPipeline', sideMultiplePx: 8 }]);
  });

  it.each([
    [{ ...single, configFolder: undefined }, 'configFolder and pipelineClass'],
    [{ ...single, pipelineFolder: 'weights' }, 'either pipelineFolder or singleFile'],
    [{}, 'either pipelineFolder or singleFile'],
    [{ ...single, pipelineClass: 'QwenImagePipeline' }, 'loads from a folder only'],
  ])('is refused as %j', async (more, sentence) => {
    await expect(load(more)).rejects.toThrow(sentence);
  });
});

describe('a manifest is refused at start, with a sentence', () => {
  it.each([
    ['weights for a kind of guide that the class has no place for', 'ZImagePipeline', { controlNets: [canny] }, 'kind "edges"'],
    [
      'a class that the weights are not of',
      'FluxPipeline',
      { pipelineClass: 'StableDiffusionPipeline' },
      'model_index.json says FluxPipeline',
    ],
    ['a file outside of its folder', 'FluxPipeline', { adapterFiles: { x: '../x.safetensors' } }, 'adapterFiles.x'],
    ['a kind of guide that there is not', 'FluxPipeline', { controlNets: [{ ...canny, kinds: ['smell'] }] }, 'controlNets.0.kinds.0'],
    ['a quantisation that there is not', 'FluxPipeline', { quantization: 'int2' }, 'quantization'],
    ['a setting that there is not', 'FluxPipeline', { attention: 'sage' }, 'manifest.json'],
  ])('for %s', async (_what, className, manifest, sentence) => {
    await expect(familiesOf(className, manifest)).rejects.toThrow(sentence);
  });
});
