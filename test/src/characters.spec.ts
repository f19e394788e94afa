import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, repository, type Running } from './profiles.js';

const api = '/api/rest/v1';
const nobodys = '0199f3c2-1d5e-7a41-9c1b-2f6d8e0a7b34';

/** Registered characters through the services that really run, on a price list that forbids them to plans without. */
describe.each(Object.entries(profiles))('A registered character, %s', (_name, start) => {
  let server: Running;
  let owner: Client;
  let pictures: string[];

  beforeAll(async () => {
    const dataDir = await newDataDir();
    const bundled: { plans: Record<string, object> }[] = JSON.parse(
      await readFile(path.join(repository, 'services/billing/src/catalogue/catalogue.json'), 'utf8'),
    );
    const gated = bundled.map(({ plans, ...catalogue }) => ({
      ...catalogue,
      gates: ['characters'],
      plans: { ...plans, free: { ...plans['free'], hasCharacters: false } },
    }));
    const catalogueFile = path.join(dataDir, 'prices.json');
    await writeFile(catalogueFile, JSON.stringify(gated));
    server = await start({ dataDir, catalogueFile });
    owner = new Client(server);
    pictures = [];
    for (const colour of ['red', 'green', 'blue', 'black', 'white', 'gold']) pictures.push(await uploaded(owner, colour));
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const uploaded = async (client: Client, colour: string): Promise<string> => {
    const form = (await client.call('POST', `${api}/init-image`, { extension: 'png' })).body['uploadInitImage'];
    const data = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(form.fields) as Record<string, string>)) data.append(name, value);
    const png = await sharp({ create: { width: 16, height: 16, channels: 3, background: colour } })
      .png()
      .toBuffer();
    data.append('file', new Blob([new Uint8Array(png)]), 'a.png');
    expect((await fetch(form.url, { method: 'POST', body: data })).ok).toBe(true);
    return form.id;
  };
  const register = (name: unknown, imageIds: unknown, client = owner) => client.call('POST', `${api}/characters`, { name, imageIds });
  const opened = async (plan: string) => {
    const accountId = String((await owner.call('POST', `${api}/accounts`, { plan })).body['accountId']);
    const key = await owner.call('POST', `${api}/keys`, { name: 'theirs' }, { 'tessera-account': accountId });
    return new Client(server, String(key.body['key']));
  };

  it('is created, listed, read and deleted, and its pictures stay', async () => {
    const { status, body } = await register(' Rex ', pictures.slice(0, 2));
    expect({ status, character: body['character'] }).toMatchObject({
      status: 200,
      character: { name: 'Rex', imageIds: pictures.slice(0, 2) },
    });
    const { id } = body['character'];
    expect((await owner.call('GET', `${api}/characters/${id}`)).body).toEqual(body);
    expect((await owner.call('GET', `${api}/characters`)).body['characters']).toContainEqual(body['character']);
    expect(await owner.call('DELETE', `${api}/characters/${id}`)).toMatchObject({ status: 200, body: { deletedCharacter: { id } } });
    expect(await owner.call('GET', `${api}/characters/${id}`)).toMatchObject({
      status: 404,
      body: { type: 'unknown_character', param: 'id' },
    });
    expect((await owner.call('GET', `${api}/init-image/${pictures[0]}`)).status).toBe(200);
  });

  it.each<[string, unknown, (own: readonly string[]) => unknown, string]>([
    ['no name', ' ', (own) => own.slice(0, 2), 'name'],
    ['a name that is too long', 'x'.repeat(61), (own) => own.slice(0, 2), 'name'],
    ['one picture', 'Rex', (own) => own.slice(0, 1), 'imageIds'],
    ['six pictures', 'Rex', (own) => own, 'imageIds'],
    ['one picture twice', 'Rex', (own) => [own[0], own[0]?.toUpperCase()], 'imageIds'],
    ['what is no picture', 'Rex', (own) => [own[0], '../etc/passwd'], 'imageIds'],
    ["nobody's picture", 'Rex', (own) => [own[0], nobodys], 'imageIds'],
  ])('is refused with %s', async (_what, name, imageIds, param) => {
    expect(await register(name, imageIds(pictures))).toMatchObject({ status: 400, body: { type: 'invalid_character', param } });
  });

  it('is for plans that include it, and made of the own pictures alone', async () => {
    const free = await opened('free');
    const theirs = [await uploaded(free, 'red'), await uploaded(free, 'blue')];
    expect(await register('Rex', theirs, free)).toMatchObject({ status: 402, body: { type: 'plan_forbids_characters' } });
    const artisan = await opened('artisan');
    expect(await register('Rex', pictures.slice(0, 2), artisan)).toMatchObject({ status: 400, body: { type: 'invalid_character' } });
  });

  it('guides a picture in place of its pictures, at the price of them', async () => {
    const { id } = (await register('Rex', pictures.slice(0, 3))).body['character'];
    const asked = { prompt: 'a dog in the snow', width: 512, height: 512, num_images: 1 };
    const byCharacter = { ...asked, characterId: id, characterSubject: 'dog' };
    const byPictures = {
      ...asked,
      controlnets: pictures.slice(0, 3).map((initImageId) => ({ initImageId, preprocessorId: 133, weight: 2, subject: 'dog' })),
    };
    const dry = async (body: object) => (await owner.call('POST', `${api}/generations?dryRun=true`, body)).body['sdGenerationJob'].tessera;
    expect((await dry(byCharacter)).quote).toEqual((await dry(byPictures)).quote);
    expect((await dry(byCharacter)).quote.totalTokens).toBeGreaterThan((await dry(asked)).quote.totalTokens);
    const generation = await owner.finished(await owner.create(byCharacter));
    expect(generation).toMatchObject({ status: 'COMPLETE', tessera: { characterId: id } });
  });

  it("is refused before anything is held where it does not exist, is another account's or would be one picture too many", async () => {
    const { id } = (await register('Rex', pictures.slice(0, 5))).body['character'];
    const before = (await owner.account())['balanceTokens'];
    const refused = async (body: object, client = owner) => {
      const { status, body: answer } = await client.call('POST', `${api}/generations`, { prompt: 'a dog', num_images: 1, ...body });
      return [status, answer['type'], answer['param']];
    };
    expect(await refused({ characterId: nobodys })).toEqual([404, 'unknown_character', 'characterId']);
    expect(await refused({ characterId: id }, await opened('artisan'))).toEqual([404, 'unknown_character', 'characterId']);
    expect(await refused({ characterSubject: 'dog' })).toEqual([400, 'invalid_character', 'characterSubject']);
    const sixth = { controlnets: [{ initImageId: pictures[5], preprocessorId: 'style' }] };
    expect(await refused({ characterId: id, ...sixth })).toEqual([400, 'too_many_guides', 'controlnets']);
    expect((await owner.account())['balanceTokens']).toBe(before);
  });
});
