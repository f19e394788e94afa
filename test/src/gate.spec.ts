import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { startTestHost, type TestHost } from '@tessera/host/testing/test-host.js';
import { gate, type Thing } from '@tessera/plans/gate.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { billing } from '@tessera/service-billing/billing.module.js';
import { gateway } from '@tessera/service-gateway/gateway.module.js';
import { generation } from '@tessera/service-generation/generation.module.js';
import { jobs } from '@tessera/service-jobs/jobs.module.js';
import { storage } from '@tessera/service-storage/storage.module.js';
import { training } from '@tessera/service-training/training.module.js';
import { Client } from './client.js';
import { probeSubmission } from './probe/probe.js';
import { apiKey, newDataDir, removeDataDir, repository } from './profiles.js';

const api = '/api/rest/v1';
const picture = { prompt: 'a red apple', images: 1, widthPx: 64, heightPx: 64, steps: 4, isPublic: true };

/** Through the services that really run, without a worker: what is taken on waits. */
describe('what a plan, a limit or a key does not allow', () => {
  let host: TestHost;
  let dataDir: string;
  let owner: Client;
  /** An account on a plan that includes next to nothing. */
  let small: string;
  /** One whose plan includes the API. */
  let artisan: string;

  const asOwner = (accountId: string, method: string, at: string, body?: object) =>
    owner.call(method, `${api}${at}`, body, { 'tessera-account': accountId });
  const opened = async (plan: string) => String((await owner.call('POST', `${api}/accounts`, { plan })).body['accountId']);
  const keyOf = async (accountId: string, more: object = {}) =>
    new Client(host, String((await asOwner(accountId, 'POST', '/keys', { name: 'theirs', ...more })).body['key']));
  const refusedWith = async (asking: Promise<unknown>): Promise<string> => {
    const error: unknown = await asking.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof TesseraError ? error.reason : 'not refused';
  };
  const typeOf = async (client: Client, method: string, at: string, body?: object) =>
    String((await client.call(method, `${api}${at}`, body)).body['type']);
  const submitted = (request: object) => host.client(GenerationService).submit({ accountId: small, request: { ...picture, ...request } });
  const reserved = (compute: object) => {
    const value = { modelId: 'mosaic-3d', widthPx: 64, heightPx: 64, images: 1, steps: 4, ...compute };
    return refusedWith(
      host
        .client(BillingService)
        .reserve({ accountId: small, jobId: 'job', deadlineMs: BigInt(Date.now() + 60_000), compute: { spec: { case: 'image', value } } }),
    );
  };
  const ofKind = (kind: string) =>
    refusedWith(host.client(JobService).submit({ ...probeSubmission(small, { units: 1, sleepMs: 1 }), kind }));

  beforeAll(async () => {
    dataDir = await newDataDir();
    const [catalogue] = JSON.parse(await readFile(path.join(repository, 'services/billing/src/catalogue/catalogue.json'), 'utf8')) as [
      { plans: { free: object; artisan: object } },
    ];
    const free = { ...catalogue.plans.free, hasCharacters: false, hasTraining: false, hasPrivatePictures: false };
    const artisanWithFew = { ...catalogue.plans.artisan, datasetPictures: 1 };
    const catalogueFile = path.join(dataDir, 'prices.json');
    await writeFile(
      catalogueFile,
      JSON.stringify([
        {
          ...catalogue,
          gates: ['api', 'characters', 'motion', 'training', 'private_pictures'],
          plans: { ...catalogue.plans, free, artisan: artisanWithFew },
        },
      ]),
    );
    host = await startTestHost([billing, storage, jobs, generation, training, gateway], { config: { dataDir, apiKey, catalogueFile } });
    owner = new Client(host);
    [small, artisan] = [await opened('free'), await opened('artisan')];
  }, 60_000);

  afterAll(async () => {
    await host.close();
    await removeDataDir(dataDir);
  });

  /** A way to meet each row of the table where it is asked. */
  const ways: Record<Thing, () => Promise<string>> = {
    api: async () => typeOf(await keyOf(small), 'GET', '/me'),
    characters: () => reserved({ surcharges: ['character_reference'] }),
    motion: () => ofKind('motion'),
    training: () => ofKind('training'),
    private_pictures: () => refusedWith(submitted({ isPublic: false })),
    topups: async () => String((await asOwner(small, 'POST', '/account/topup', { tokens: 5 })).body['type']),
    relaxed_lane: () => reserved({ images: 8, widthPx: 1024, heightPx: 1024, steps: 60 }),
    requests: async () => {
      const client = await keyOf(await opened('api'));
      for (;;) {
        const { status, body } = await client.call('GET', `${api}/me`);
        if (status !== 200) return String(body['type']);
      }
    },
    waiting_jobs: async () => {
      // One may run, ten may wait.
      for (let count = 0; count < 11; count++) await submitted({});
      return refusedWith(submitted({}));
    },
    dataset_pictures: async () => {
      const { body } = await asOwner(artisan, 'POST', '/datasets', { name: 'foxes' });
      const upload = `/datasets/${String(body['insert_datasets_one'].id)}/upload`;
      await asOwner(artisan, 'POST', upload, { extension: 'png' });
      return String((await asOwner(artisan, 'POST', upload, { extension: 'png' })).body['type']);
    },
    write: async () => typeOf(await keyOf(artisan, { scopes: ['read'] }), 'POST', '/generations', { prompt: 'x' }),
    account: async () => {
      await asOwner(artisan, 'PUT', '/account/members/ada', {});
      return typeOf(await keyOf(artisan, { memberId: 'ada' }), 'PUT', '/account/limits', { lowBalanceTokens: 5 });
    },
    installation: async () => typeOf(await keyOf(artisan), 'POST', '/accounts', { plan: 'free' }),
  };

  it.each(Object.keys(gate) as Thing[])('is refused for a reason of its row: %s', async (thing) => {
    expect(gate[thing].reasons).toContain(await ways[thing]());
  });

  it('is refused to a dry run, too', async () => {
    await expect(
      host.client(GenerationService).preview({ accountId: small, request: { ...picture, isPublic: false } }),
    ).rejects.toMatchObject({ reason: 'plan_forbids_private_pictures' });
  });

  it('names the cheapest plan with which token packs are sold', async () => {
    expect(await asOwner(small, 'POST', '/account/topup', { tokens: 5 })).toMatchObject({
      status: 402,
      body: { error: 'The plan Free does not include token packs; Apprentice is the cheapest that does.' },
    });
  });

  it('leaves no trace of a job behind', async () => {
    const { jobs: left } = await host.client(JobService).list({ accountId: small, limit: 100 });
    expect(left.filter(({ kind }) => kind !== 'image')).toEqual([]);
  });
});
