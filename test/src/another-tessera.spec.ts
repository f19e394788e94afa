import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DiffusionEngine } from '@tessera/inference/diffusion-engine.js';
import { startTestHost, type TestHost } from '@tessera/host/testing/test-host.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { worker } from '@tessera/service-worker/worker.module.js';
import { Client } from './client.js';
import { apiKey } from './profiles.js';

const services = [billing, storage, jobs, generation, gateway, worker];
const keyOfTheOther = '0199bbbb-5555-7666-8777-888899990000';

const manifest = (url: string) => ({
  formatVersion: 1,
  pipeline: 'openai-server',
  kind: 'tessera',
  version: '1',
  variants: [
    {
      modelId: 'borrowed',
      name: 'Borrowed',
      description: 'Runs in another installation.',
      aliases: [],
      leonardoId: '6f2d5c1e-0a4e-4b0e-9d53-6f0c7d0f5a11',
      isDefault: true,
      remoteModel: 'mosaic-3d',
    },
    {
      modelId: 'misnamed',
      name: 'Misnamed',
      description: 'The other installation has no such model.',
      aliases: [],
      leonardoId: '1b7c5b0a-52ce-4dd4-8d6a-9a4f0f3b7c22',
      isDefault: false,
      remoteModel: 'mosaic-3e',
    },
  ],
  limits: { minSidePx: 128, maxSidePx: 1024, defaultSteps: 20, maxSteps: 60, defaultGuidanceScale: 7 },
  nativeSidePx: 512,
  server: { url: `${url}/v1`, apiKeyFile: 'key' },
});

describe('an installation that generates through another one', () => {
  let other: TestHost;
  let own: TestHost;
  let modelsDir: string;
  let client: Client;
  let clientOfOther: Client;

  beforeAll(async () => {
    other = await startTestHost(services, { config: { apiKey: keyOfTheOther } });
    modelsDir = await mkdtemp(path.join(os.tmpdir(), 'tessera-borrowed-'));
    await mkdir(path.join(modelsDir, 'borrowed'));
    await writeFile(path.join(modelsDir, 'borrowed', 'manifest.json'), JSON.stringify(manifest(other.url)));
    await writeFile(path.join(modelsDir, 'borrowed', 'key'), keyOfTheOther);
    own = await startTestHost(services, { config: { apiKey, engine: 'served', modelsDir } });
    client = new Client(own);
    clientOfOther = new Client(other, keyOfTheOther);
  }, 60_000);

  afterAll(async () => {
    await own.close();
    await other.close();
    await rm(modelsDir, { recursive: true, force: true });
  });

  const generationsThere = async (): Promise<Record<string, any>[]> => {
    const { body } = await clientOfOther.call('GET', '/api/rest/v1/me');
    const path = `/api/rest/v1/generations/user/${body['user_details'][0].user.id}?limit=50`;
    return (await clientOfOther.call('GET', path)).body['generations'];
  };

  it('has the pictures made there, as one job with the same seed, and charges for its own', async () => {
    const request = { prompt: 'a red apple on a beach', negative_prompt: 'a worm', num_images: 2, seed: 41, width: 256, height: 256 };
    const id = await client.create(request);
    const generation = await client.finished(id);
    expect(generation).toMatchObject({ status: 'COMPLETE', seed: 41 });
    expect(generation['generated_images']).toHaveLength(2);
    expect((await client.bill(id))['state']).toBe('settled');
    const there = await generationsThere();
    expect(there).toEqual([
      expect.objectContaining({ prompt: request.prompt, negativePrompt: 'a worm', seed: 41, imageWidth: 256, inferenceSteps: 20 }),
    ]);
    expect(there[0]!['generated_images']).toHaveLength(2);
  });

  it('is told in the words of the other one why that refuses, and its tokens return', async () => {
    const before = (await client.account())['balanceTokens'];
    const id = await client.create({ prompt: 'a red apple', modelId: 'misnamed', width: 256, height: 256 });
    expect(await client.finished(id)).toMatchObject({ status: 'FAILED' });
    const { body } = await client.call('GET', `/api/rest/v1/generations/${id}`);
    expect(JSON.stringify(body)).toContain('Did you mean');
    await client.bill(id);
    expect((await client.account())['balanceTokens']).toBe(before);
  });

  it('finds out without a picture that the other one lets it in', async () => {
    const engine = own.get(DiffusionEngine);
    const count = (await generationsThere()).length;
    expect(await engine.isFit('borrowed', new AbortController().signal)).toBe(true);
    expect(await generationsThere()).toHaveLength(count);
  });
});
