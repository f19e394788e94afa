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
import { loraFile } from '@tessera/service-storage/lora-file.fixture.js';
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
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#c33' } })
      .png()
      .toBuffer();
    pictureId = await uploaded('init-image', 'uploadInitImage', { extension: 'png' }, picture);
  }, 60_000);
  afterAll(async () => {
    await host?.close();
    await removeDataDir(dataDir);
    await rm(modelsDir, { recursive: true, force: true });
  });

  /** An upload through its form; answers its id. */
  async function uploaded(route: string, name: string, body: object | undefined, bytes: Uint8Array, owner = client): Promise<string> {
    const { id, url, fields } = (await owner.call('POST', `${api}/${route}`, body)).body[name];
    const form = new FormData();
    for (const [field, value] of Object.entries(JSON.parse(fields) as Record<string, string>)) form.append(field, value);
    form.append('file', new Blob([new Uint8Array(bytes)]));
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
    return String(id);
  }

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

  describe('with adapters that an account uploads', () => {
    const fluxLora = loraFile({
      'transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight': [2, 4],
      'transformer.single_transformer_blocks.0.attn.to_q.lora_B.weight': [4, 2],
    });
    const sdxlLora = loraFile(
      { 'unet.x.lora_A.weight': [2, 4], 'unet.x.lora_B.weight': [4, 2] },
      { ss_base_model_version: 'sdxl_base_v1-0' },
    );
    const adapterOf = (bytes: Uint8Array, owner?: Client) => uploaded('adapters', 'uploadAdapter', undefined, bytes, owner);
    const withAdapter = (akUUID: string) => asked({ elements: [{ akUUID, weight: 0.5 }] }, '?dryRun=true');

    it('shows what one is, and takes it for the models of its family', async () => {
      const id = await adapterOf(fluxLora);
      expect((await client.call('GET', `${api}/adapters/${id}`)).body).toMatchObject({
        adapter: { id, format: 'diffusers', family: 'flux' },
      });
      expect((await withAdapter(id)).status).toBe(200);
      expect((await asked({ modelId: 'kontext', elements: [{ akUUID: id }] }, '?dryRun=true')).status).toBe(200);
    });

    it.each([
      ['one for other models', async () => adapterOf(sdxlLora), 'foreign_adapter'],
      ['a file that is none', async () => adapterOf(Buffer.from('text')), 'unreadable_adapter'],
      ['a picture', async () => pictureId, 'unknown_adapter'],
      ['one that is not there', async () => '0199aaaa-1111-7222-8333-444455556666', 'unknown_adapter'],
      ["another account's", async () => adapterOf(fluxLora, await another()), 'unknown_adapter'],
    ])('refuses %s', async (_what, adapter, type) => {
      expect(await withAdapter(await adapter())).toMatchObject({ status: 400, body: { type, param: 'elements' } });
    });

    it('shows no adapter as a picture, nor to another account, and none that was removed', async () => {
      const id = await adapterOf(fluxLora);
      expect((await asked({ init_image_id: id })).body).toMatchObject({ type: 'invalid_init_image' });
      expect((await client.call('GET', `${api}/init-image/${id}`)).status).toBe(404);
      expect((await (await another()).call('GET', `${api}/adapters/${id}`)).body).toMatchObject({ type: 'unknown_adapter_file' });
      expect((await client.call('DELETE', `${api}/adapters/${id}`)).status).toBe(200);
      expect((await client.call('GET', `${api}/adapters/${id}`)).status).toBe(404);
    });

    const another = async () => {
      const { accountId } = (await client.call('POST', `${api}/accounts`, { plan: 'artisan' })).body;
      const { key } = (await client.call('POST', `${api}/keys`, { name: 'theirs' }, { 'tessera-account': accountId })).body;
      return new Client(host, key);
    };
  });
});
