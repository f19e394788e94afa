import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { describeModels } from './describe-models.js';
import { loadFamilies } from './families.js';

const common = {
  formatVersion: 1,
  version: '1',
  variants: [
    {
      modelId: 'hosted',
      name: 'Hosted',
      description: 'Elsewhere.',
      aliases: [],
      leonardoId: '6f2d5c1e-0a4e-4b0e-9d53-6f0c7d0f5a11',
      isDefault: true,
      remoteModel: 'gpt-image-1',
    },
  ],
  limits: { minSidePx: 512, maxSidePx: 1536, defaultSteps: 20, maxSteps: 60, defaultGuidanceScale: 7 },
  nativeSidePx: 1024,
  server: { url: 'https://provider.test/v1', apiKeyEnv: 'PROVIDER_KEY' },
};
const openAi = { ...common, pipeline: 'openai-server', kind: 'openai', sizes: ['1024x1024'] };
const prediction = { ...common, pipeline: 'prediction', input: { seed: 'seed', width: 'width', height: 'height', image: 'image' } };

describe('a model that somebody else serves', () => {
  let modelsDir: string;
  beforeEach(async () => {
    modelsDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-models-'));
    await mkdir(path.join(modelsDir, 'hosted'));
  });
  afterEach(() => rm(modelsDir, { recursive: true, force: true }));
  const load = async (manifest: object) => {
    await writeFile(path.join(modelsDir, 'hosted', 'manifest.json'), JSON.stringify(manifest));
    return loadFamilies(modelsDir);
  };

  it('is offered by the engine that reaches servers, and by the one that stands in for all', async () => {
    const families = await load(openAi);
    for (const engine of ['served', 'noop'] as const)
      expect(describeModels(engine, families).map(({ modelId }) => modelId)).toEqual(['hosted']);
    for (const engine of ['onnx', 'triton'] as const) expect(describeModels(engine, families)).toEqual([]);
  });

  it('runs once where a repeat is paid for, and tells its price', async () => {
    const described = async (manifest: object) => describeModels('served', await load(manifest))[0];
    expect(await described({ ...openAi, priceMicroUsd: 40_000, edits: 'mask' })).toMatchObject({
      runsOnce: true,
      priceMicroUsd: 40_000,
      supportsInitImage: true,
      sizes: ['1024x1024'],
    });
    expect(await described(prediction)).toMatchObject({ runsOnce: true, supportsInitImage: true });
    const own = await described({ ...openAi, kind: 'vllm-omni' });
    expect(own).toMatchObject({ supportsInitImage: false });
    expect(own).not.toHaveProperty('runsOnce');
    expect(await described({ ...openAi, kind: 'vllm-omni', priceMicroUsd: 1 })).toMatchObject({ runsOnce: true });
  });

  it.each([
    ['a key in it', { ...openAi, server: { ...common.server, apiKey: 'sk-secret' } }, 'server'],
    ['an address that is none', { ...openAi, server: { url: 'file:///etc/passwd' } }, 'server.url'],
    ['no sizes where the provider lists them', { ...openAi, sizes: undefined }, 'sizes'],
    ['a mask where there is none on the wire', { ...openAi, kind: 'sglang-diffusion', edits: 'mask' }, 'edits'],
    ['edits where there is no route', { ...openAi, kind: 'tessera', edits: 'picture' }, 'edits'],
    ['an unknown kind of server', { ...openAi, kind: 'comfy' }, 'kind'],
    ['a price in fractions', { ...openAi, priceMicroUsd: 0.04 }, 'priceMicroUsd'],
    ['predictions of no size', { ...prediction, input: { seed: 'seed' } }, 'sizes'],
  ])('is refused at start for %s, with a sentence that names the entry', async (_what, manifest, entry) => {
    await expect(load(manifest)).rejects.toThrow(`${path.join(modelsDir, 'hosted', 'manifest.json')}: ${entry}`);
  });
});
