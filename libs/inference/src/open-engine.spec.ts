import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { bundledModelsDir } from '@tessera/models/families.js';
import { openModelRegistry } from '@tessera/models/open-model-registry.js';
import { pino } from 'pino';
import { openEngine } from './open-engine.js';

const logger = pino({ level: 'silent' });
const sdxl = {
  formatVersion: 1,
  pipeline: 'diffusers',
  version: '1.0',
  variants: [
    {
      modelId: 'sdxl',
      name: 'SDXL',
      description: 'Large.',
      aliases: [],
      leonardoId: '1e60896f-3c26-4296-8ecc-53e2afecc132',
      isDefault: true,
      adapters: [{ file: 'adapters/pixel.safetensors', weight: 0.8 }],
    },
  ],
  limits: { minSidePx: 512, maxSidePx: 1536, defaultSteps: 30, maxSteps: 60, defaultGuidanceScale: 7 },
  nativeSidePx: 1024,
  pipelineFolder: 'weights',
  dtype: 'float16',
  picturesAtOnce: 1,
};

describe('a family of diffusers in the folder of models', () => {
  let modelsDir: string;
  beforeEach(async () => {
    modelsDir = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-models-'));
    await fs.mkdir(path.join(modelsDir, 'sdxl'));
  });
  afterEach(() => fs.rm(modelsDir, { recursive: true, force: true }));
  const open = async (engine: 'onnx' | 'noop' | 'triton', manifest: object = sdxl) => {
    await fs.writeFile(path.join(modelsDir, 'sdxl', 'manifest.json'), JSON.stringify(manifest));
    return openEngine({ engine, modelsDir, tritonUrl: 'http://127.0.0.1:1', threads: 1, logger });
  };

  it.each(['noop', 'triton'] as const)('is offered by the engine "%s", which need not be there for that', async (name) => {
    const engine = await open(name);
    expect((await engine.describe()).models).toEqual([
      expect.objectContaining({ modelId: 'sdxl', version: '1.0', nativeWidthPx: 1024, defaultSteps: 30, supportsInitImage: false }),
    ]);
    await engine.close();
  });

  it('is left out by an engine that cannot run it', async () => {
    const engine = await open('onnx');
    expect((await engine.describe()).models).toEqual([]);
    await engine.close();
  });

  it.each([
    [
      'an adapter outside of its folder',
      { variants: [{ ...sdxl.variants[0], adapters: [{ file: '../secret.safetensors', weight: 1 }] }] },
      'variants.0.adapters.0.file',
    ],
    ['weights outside of its folder', { pipelineFolder: '../../etc' }, 'pipelineFolder'],
    ['an unknown precision', { dtype: 'float8' }, 'dtype'],
    ['a setting that does not exist', { attention: 'sage' }, 'manifest.json'],
  ])('is refused at start for %s, with a sentence that names the entry', async (_what, wrong, entry) => {
    await expect(open('noop', { ...sdxl, ...wrong })).rejects.toThrow(entry);
  });

  it.each(['onnx', 'noop', 'triton'] as const)(
    'is in the registry where the engine "%s" offers it, beside the bundled models and in the same words',
    async (name) => {
      await fs.cp(path.join(bundledModelsDir, 'mosaic', 'manifest.json'), path.join(modelsDir, 'mosaic', 'manifest.json'), {
        recursive: true,
      });
      const engine = await open(name, { ...sdxl, variants: sdxl.variants.map((variant) => ({ ...variant, isDefault: false })) });
      const registry = await openModelRegistry({ engine: name, modelsDir, modelPools: {} });
      const { models } = await engine.describe();
      expect(models.map(({ modelId }) => modelId)).toContain('mosaic-3d');
      expect(registry.list).toEqual(models);
      await engine.close();
    },
  );

  it('needs the address of a Triton to be opened for it', async () => {
    await fs.writeFile(path.join(modelsDir, 'sdxl', 'manifest.json'), JSON.stringify(sdxl));
    await expect(openEngine({ engine: 'triton', modelsDir, threads: 1, logger })).rejects.toThrow('set TESSERA_TRITON_URL');
  });
});
