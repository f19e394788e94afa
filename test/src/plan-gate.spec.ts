import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, repository, type Running } from './profiles.js';

const api = '/api/rest/v1';
const apple = { prompt: 'a red apple', width: 512, height: 512, num_inference_steps: 20, num_images: 1 };

/** What plans include is the price list's business: one that refuses the API to plans without it, through the services that really run. */
describe.each(Object.entries(profiles))('A price list with a gate, %s', (_name, start) => {
  let server: Running;
  let owner: Client;

  beforeAll(async () => {
    const dataDir = await newDataDir();
    const bundled = JSON.parse(await readFile(path.join(repository, 'services/billing/src/catalogue/catalogue.json'), 'utf8')) as object[];
    const catalogueFile = path.join(dataDir, 'prices.json');
    await writeFile(catalogueFile, JSON.stringify(bundled.map((catalogue) => ({ ...catalogue, gates: ['api'] }))));
    server = await start({ dataDir, catalogueFile });
    owner = new Client(server);
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const asOwner = (accountId: string, method: string, at: string, body?: object) =>
    owner.call(method, `${api}${at}`, body, { 'tessera-account': accountId });
  const opened = async (plan: string) => {
    const accountId = String((await owner.call('POST', `${api}/accounts`, { plan })).body['accountId']);
    return { accountId, client: new Client(server, String((await asOwner(accountId, 'POST', '/keys', { name: 'theirs' })).body['key'])) };
  };

  it('refuses the API to a plan without it, names the plan that has it, and lets the account in once it is there', async () => {
    const { accountId, client } = await opened('free');
    const refusal = {
      status: 402,
      body: { type: 'plan_forbids_api', error: 'The plan Free does not include access by API; API only is the cheapest that does.' },
    };
    expect(await client.call('GET', `${api}/me`)).toMatchObject(refusal);
    expect(await client.call('POST', `${api}/generations`, apple)).toMatchObject(refusal);
    expect(await asOwner(accountId, 'GET', '/account')).toMatchObject({
      status: 200,
      body: { plan: 'free', entitlements: { planName: 'Free', forbidden: [{ capability: 'api', plan: 'api' }] } },
    });
    expect(await asOwner(accountId, 'POST', '/account/plan', { plan: 'artisan' })).toMatchObject({
      status: 200,
      body: { plan: 'artisan', entitlements: { planName: 'Artisan', forbidden: [] } },
    });
    await expect(untilLetIn(client)).resolves.toBeUndefined();
  });

  it('does what it did for plans that include it, and for the owner', async () => {
    const { client } = await opened('artisan');
    expect((await client.bill(await client.create(apple)))['state']).toBe('settled');
    expect((await owner.bill(await owner.create(apple)))['state']).toBe('settled');
  });
});

/** A change of plan is felt within seconds. */
async function untilLetIn(client: Client): Promise<void> {
  while ((await client.call('GET', `${api}/me`)).status !== 200) await new Promise((again) => setTimeout(again, 200));
}
