import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { startTestHost, type TestHost } from '@tessera/host/testing/test-host.js';
import { diffusersFolder } from '@tessera/models/testing/diffusers-folder.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import sharp from 'sharp';
import { Client } from './client.js';
import { apiKey, newDataDir, removeDataDir } from './profiles.js';

const api = '/api/rest/v1';

/** Through the services that really run, on a folder with manifests and without weights. */
describe('what a diffusers model can do', () => {
  let host: TestHost;
  let client: Client;
  let dataDir: string;
  let modelsDir: string;
  let pictureId: string;
  beforeAll(async () => {
    dataDir = await newDataDir();
    const edges = { kinds: ['edges'], folder: 'controlnet' };
    modelsDir = await diffusersFolder([
      {
        className: 'FluxPipeline',
        modelId: 'flux',
        manifest: { controlNets: [edges], adapterFiles: { ink: 'ink.safetensors' }, license: 'Apache-2.0' },
      },
      { className: 'FluxKontextPipeline', modelId: 'kontext' },
    ]);
    host = await startTestHost([billing, storage, jobs, generation, gateway], { config: { dataDir, apiKey, modelsDir } });
    client = new Client(host);
    const { body } = await client.call('POST', `${api}/init-image`, { extension: 'png' });
    const { id, url, fields } = body['uploadInitImage'];
    const form = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(fields) as Record<string, string>)) form.append(name, value);
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#c33' } })
      .png()
      .toBuffer();
    form.append('file', new Blob([new Uint8Array(picture)]));
    await fetch(url, { method: 'POST', body: form });
    pictureId = id;
  }, 60_000);
  afterAll(async () => {
    await host?.close();
    await removeDataDir(dataDir);
    await rm(modelsDir, { recursive: true, force: true });
  });

  const asked = (request: object, query = '') =>
    client.call('POST', `${api}/generations${query}`, {
      prompt: 'a fox',
      modelId: 'flux',
      width: 512,
      height: 512,
      public: true,
      ...request,
    });

  it('is shown with the models', async () => {
    const { body } = await client.call('GET', `${api}/platformModels`);
    expect(body['custom_models'].map(({ tessera }: { tessera: object }) => tessera)).toMatchObject([
      {
        model: 'flux',
        sideMultiple: 16,
        minSide: 64,
        negativePrompt: 'with_true_cfg',
        guidance: 'embedded',
        defaultGuidanceScale: 3.5,
        promptTokens: 512,
        longPrompts: false,
        weightedWords: false,
        supportsInitImage: true,
        supportsInpaint: true,
        supportsEdit: false,
        guidanceKinds: ['edges'],
        adapterIds: ['ink'],
        license: 'Apache-2.0',
        pipelineClass: 'FluxPipeline',
      },
      { model: 'kontext', supportsInitImage: true, supportsInpaint: false, supportsEdit: true, guidanceKinds: [] },
    ]);
  });

  const guide = (preprocessorId: number) => ({ controlnets: [{ initImageId: pictureId, initImageType: 'UPLOADED', preprocessorId }] });

  it.each([
    ['a side that its pipeline rounds', () => ({ width: 520 }), 'unsupported_size', 'width'],
    ['a guide that it has no weights for', () => guide(21), 'unsupported_guidance', 'controlnets'],
    [
      'a mask where it keeps nothing',
      () => ({ modelId: 'kontext', init_image_id: pictureId, init_mask_id: pictureId }),
      'unsupported_mask',
      'init_image_id',
    ],
    ['an adapter that it does not have', () => ({ elements: [{ akUUID: 'oil', weight: 1 }] }), 'unknown_adapter', 'elements'],
  ])('refuses %s before anything is held', async (_what, request, type, param) => {
    const before = await client.account();
    expect(await asked(request())).toMatchObject({ status: 400, body: { type, param } });
    expect(await client.account()).toEqual(before);
    expect((await host.client(JobService).list({ accountId: String(before['accountId']), limit: 10 })).jobs).toEqual([]);
  });

  it('names the nearest size', async () => {
    expect((await asked({ width: 520, height: 1000 })).body['error']).toContain('528 x 1008');
  });

  it('says with the price what of a request will not act', async () => {
    const { body } = await asked({ negative_prompt: 'blurry' }, '?dryRun=true');
    expect(body['sdGenerationJob'].tessera).toMatchObject({ dryRun: true, notices: [{ kind: 'negative_prompt_ignored' }] });
    expect((await asked({}, '?dryRun=true')).body['sdGenerationJob'].tessera.notices).toEqual([]);
  });

  it('takes what it can do, and says with the job what will not act', async () => {
    const { status, body } = await asked({ negative_prompt: 'blurry', ...guide(19), elements: [{ akUUID: 'ink', weight: 1 }] });
    expect(status).toBe(200);
    expect(body['sdGenerationJob'].tessera.notices).toMatchObject([{ kind: 'negative_prompt_ignored' }]);
  });
});
