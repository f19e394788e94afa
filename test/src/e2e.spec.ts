import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import sharp from 'sharp';
import { Client } from './client.js';
import { newDataDir, profiles, removeDataDir, type Running } from './profiles.js';
import { readEvents } from './sse.js';

/** One file, both ways to run: nothing above the ports may know the difference. */
describe.each(Object.entries(profiles))('Tessera, %s', (_name, start) => {
  let server: Running;
  let client: Client;

  beforeAll(async () => {
    server = await start({ dataDir: await newDataDir() });
    client = new Client(server);
  }, 90_000);

  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const apple = { prompt: 'a red apple on a beach', width: 512, height: 512, num_inference_steps: 20 };

  it('paints, stores and charges exactly what its bill says', async () => {
    const before = await client.account();
    const id = await client.create({ ...apple, num_images: 2, seed: 7 });
    const generation = await client.finished(id);
    expect(generation).toMatchObject({ id, status: 'COMPLETE', seed: 7, imageWidth: 512, imageHeight: 512, inferenceSteps: 20 });
    expect(generation['generated_images']).toHaveLength(2);
    for (const { url } of generation['generated_images']) {
      const picture = await fetch(url);
      expect(picture.headers.get('content-type')).toBe('image/png');
      expect((await sharp(Buffer.from(await picture.arrayBuffer())).metadata()).format).toBe('png');
    }
    const bill = await client.bill(id);
    expect(bill['state']).toBe('settled');
    const lines: { tokens: number }[] = bill['chargedLines'];
    expect(lines.reduce((sum, line) => sum + line.tokens, 0)).toBe(bill['chargedTokens']);
    const after = await client.account();
    expect(before['balanceTokens'] - after['balanceTokens']).toBe(bill['chargedTokens']);
    expect(after['spentTokens'] - before['spentTokens']).toBe(bill['chargedTokens']);
    expect(after['heldTokens']).toBe(0);
  });

  it('answers a repeated idempotency key with the first job and charges it once', async () => {
    const [first, second] = await Promise.all([client.create(apple, 'same-key'), client.create(apple, 'same-key')]);
    expect(second).toBe(first);
    await client.bill(first);
    const { spentTokens } = await client.account();
    expect(await client.create(apple, 'same-key')).toBe(first);
    expect((await client.account())['spentTokens']).toBe(spentTokens);
    const other = await client.call('POST', '/api/rest/v1/generations', { ...apple, num_images: 3 }, { 'idempotency-key': 'same-key' });
    expect(other).toMatchObject({ status: 409, body: { type: 'idempotency_key_reused' } });
  });

  it('prices a dry run as the job itself, and makes nothing', async () => {
    const { spentTokens } = await client.account();
    const { body } = await client.call('POST', '/api/rest/v1/generations?dryRun=true', { ...apple, num_images: 3 });
    expect((await client.account())['spentTokens']).toBe(spentTokens);
    const bill = await client.bill(await client.create({ ...apple, num_images: 3 }));
    expect(JSON.stringify(body)).toContain(`"totalTokens":${bill['chargedTokens']}`);
  });

  it('refuses what it cannot do with a reason, and it costs nothing', async () => {
    const { balanceTokens } = await client.account();
    const refusals = [
      [{ ...apple, prompt: '' }, 'prompt_empty'],
      [{ ...apple, width: 513 }, 'invalid_dimensions'],
      [{ ...apple, num_images: 9 }, 'too_many_images'],
      [{ ...apple, modelId: 'sdxl-turbo-9000' }, 'unknown_model'],
    ] as const;
    for (const [request, type] of refusals)
      expect(await client.call('POST', '/api/rest/v1/generations', request)).toMatchObject({ status: 400, body: { type } });
    const { body } = await client.call('POST', '/api/rest/v1/generations', { ...apple, sd_Version: 'v2' });
    expect(body['error']).toContain('sd_version');
    expect((await client.account())['balanceTokens']).toBe(balanceTokens);
  });

  it('tells a stranger nothing', async () => {
    const id = await client.create(apple);
    expect((await new Client(server, '00000000-0000-4000-8000-000000000000').call('GET', `/api/rest/v1/generations/${id}`)).status).toBe(
      401,
    );
    expect((await client.call('GET', '/api/rest/v1/generations/019a0000-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await client.call('GET', '/api/rest/v1/generations/..%2f..%2fetc%2fpasswd')).status).toBe(404);
  });

  it('streams states to the end, and resumes after the last event seen', async () => {
    const id = await client.create(apple);
    const events = await readEvents(client, id);
    expect(events.at(-1)?.data).toContain(id);
    const resumed = await readEvents(client, id, events.at(-2)?.id ?? '');
    expect(resumed.map((event) => event.id)).toEqual([events.at(-1)?.id]);
  });

  it('lists generations by page tokens, which neither repeat nor skip while jobs arrive', async () => {
    const { body: me } = await client.call('GET', '/api/rest/v1/me');
    const list = `/api/rest/v1/generations/user/${me['user_details'][0].user.id}?limit=2`;
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await client.create(apple));
    const seen: string[] = [];
    let token = '';
    do {
      const { body } = await client.call('GET', `${list}&pageToken=${encodeURIComponent(token)}`);
      seen.push(...(body['generations'] as { id: string }[]).map(({ id }) => id));
      token = body['tessera']?.nextPageToken ?? '';
      await client.create(apple);
    } while (token !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(ids));
    expect((await client.call('GET', `${list}&pageToken=nonsense`)).status).toBe(400);
  });

  it('forgets a deleted generation with its files', async () => {
    const id = await client.create(apple);
    await client.finished(id);
    const files = async () => (await readdir(server.objectsDir, { recursive: true })).filter((file) => file.includes(id));
    expect((await files()).length).toBeGreaterThan(0);
    expect((await client.call('DELETE', `/api/rest/v1/generations/${id}`)).status).toBe(200);
    expect((await client.call('GET', `/api/rest/v1/generations/${id}`)).status).toBe(404);
    const deadline = Date.now() + 20_000;
    while ((await files()).length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await files()).toEqual([]);
  });

  const post = async (url: string, fields: string, picture: Buffer) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(fields) as Record<string, string>)) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(picture)], { type: 'image/png' }), 'picture.png');
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
  };
  const plain = (background: string) =>
    sharp({ create: { width: 64, height: 64, channels: 3, background } })
      .png()
      .toBuffer();

  it("repaints a part of a picture by Leonardo's canvas, and returns the tokens when the mask is no use", async () => {
    const { body } = await client.call('POST', '/api/rest/v1/canvas-init-image', { initExtension: 'png', maskExtension: 'png' });
    const { initImageId, initUrl, initFields, maskImageId, maskUrl, maskFields } = body['uploadCanvasInitImage'];
    await post(initUrl, initFields, await plain('#c33'));
    await post(maskUrl, maskFields, await plain('#fff'));
    const canvas = { ...apple, canvasRequest: true, canvasRequestType: 'INPAINT', canvasInitId: initImageId, canvasMaskId: maskImageId };
    expect(await client.finished(await client.create(canvas))).toMatchObject({ status: 'COMPLETE' });

    const again = await client.call('POST', '/api/rest/v1/canvas-init-image', { initExtension: 'png', maskExtension: 'png' });
    const black = again.body['uploadCanvasInitImage'];
    await post(black.maskUrl, black.maskFields, await plain('#000'));
    const before = await client.account();
    const useless = await client.create({ ...canvas, canvasMaskId: black.maskImageId });
    expect(await client.finished(useless)).toMatchObject({ status: 'FAILED', tessera: { failureReason: 'nothing_to_repaint' } });
    expect((await client.bill(useless))['chargedTokens']).toBe(0);
    expect((await client.account())['balanceTokens']).toBe(before['balanceTokens']);
  });

  it('is guided by a character, and refuses what the model cannot follow', async () => {
    const { body } = await client.call('POST', '/api/rest/v1/init-image', { extension: 'png' });
    const { id, url, fields } = body['uploadInitImage'];
    await post(url, fields, await plain('#c33'));
    const controlnets = [{ initImageId: id, initImageType: 'UPLOADED', preprocessorId: 133, strengthType: 'High' }];
    expect(await client.finished(await client.create({ ...apple, controlnets }))).toMatchObject({ status: 'COMPLETE' });
    const pose = [{ ...controlnets[0], preprocessorId: 21 }];
    expect((await client.call('POST', '/api/rest/v1/generations', { ...apple, controlnets: pose })).body).toMatchObject({
      type: 'unsupported_guidance',
      param: 'controlnets',
    });
  });

  it('takes an uploaded picture and starts from it', async () => {
    const { body } = await client.call('POST', '/api/rest/v1/init-image', { extension: 'png' });
    const { id, url, fields } = body['uploadInitImage'];
    await post(url, fields, await plain('#c33'));
    const shown = await client.call('GET', `/api/rest/v1/init-image/${id}`);
    expect((await fetch(shown.body['init_images_by_pk'].url)).status).toBe(200);
    const created = await client.call('POST', '/api/rest/v1/generations', { ...apple, init_image_id: id, init_strength: 0.5 });
    expect([created.status, created.status === 200 ? '' : created.body['type']]).toEqual([200, '']);
  });

  it('refuses an upload that is no picture when it is used', async () => {
    const { body } = await client.call('POST', '/api/rest/v1/init-image', { extension: 'png' });
    const { id, url, fields } = body['uploadInitImage'];
    const form = new FormData();
    for (const [name, value] of Object.entries(JSON.parse(fields) as Record<string, string>)) form.append(name, value);
    form.append('file', new Blob(['<script>alert(1)</script>'], { type: 'image/png' }), 'start.png');
    expect((await fetch(url, { method: 'POST', body: form })).status).toBe(204);
    expect((await client.call('POST', '/api/rest/v1/generations', { ...apple, init_image_id: id })).status).toBe(400);
  });

  it('keeps pictures to learn from, names an exact set, and forgets it', async () => {
    const datasets = '/api/rest/v1/datasets';
    const { id } = (await client.call('POST', datasets, { name: 'zorbs' })).body['insert_datasets_one'];
    const picture = await sharp({ create: { width: 300, height: 280, channels: 3, background: '#c33' } })
      .png()
      .toBuffer();
    const { url, fields } = (await client.call('POST', `${datasets}/${id}/upload`, { extension: 'png' })).body['uploadDatasetImage'];
    await post(url, fields, picture);
    const form = new FormData();
    form.append('caption', 'a zorb');
    form.append('file', new Blob([picture as Uint8Array<ArrayBuffer>]), 'a.png');
    const headers = { authorization: `Bearer ${client.key}` };
    expect((await fetch(`${server.url}${datasets}/${id}/upload`, { method: 'POST', headers, body: form })).status).toBe(200);
    const shown = (await client.call('GET', `${datasets}/${id}`)).body['datasets_by_pk'];
    expect(shown).toMatchObject({
      dataset_images: [{ tessera: { source: 'form' } }, { tessera: { source: 'upload', caption: 'a zorb' } }],
    });
    for (const image of shown.dataset_images) expect((await fetch(image.url)).status).toBe(200);
    const version = await client.call('POST', `${datasets}/${id}/versions`, {});
    expect(version.body).toMatchObject({ trainingPictures: 1, images: [{ tessera: { caption: 'a zorb' } }] });
    expect((await client.call('DELETE', `${datasets}/${id}`)).status).toBe(200);
    expect((await client.call('GET', `${datasets}/${id}`)).status).toBe(404);
  });

  it('creates, lists and revokes keys', async () => {
    const { body: created } = await client.call('POST', '/api/rest/v1/keys', { name: 'second' });
    const second = new Client(server, created['key']);
    expect((await second.account())['accountId']).toBe((await client.account())['accountId']);
    expect((await client.call('DELETE', `/api/rest/v1/keys/${created['id']}`)).status).toBe(200);
    expect((await second.call('GET', '/api/rest/v1/account')).status).toBe(401);
  });

  it('adds tokens once for one idempotency key', async () => {
    const { balanceTokens } = await client.account();
    for (let time = 0; time < 2; time++)
      await client.call('POST', '/api/rest/v1/account/topup', { tokens: 500 }, { 'idempotency-key': 'topup-1' });
    expect((await client.account())['balanceTokens']).toBe(balanceTokens + 500);
  });

  it('survives a restart with everything in place', async () => {
    const id = await client.create(apple);
    const bill = await client.bill(id);
    const account = await client.account();
    await server.stop();
    server = await start({ dataDir: server.dataDir });
    client = new Client(server);
    expect((await client.finished(id))['status']).toBe('COMPLETE');
    expect(await client.bill(id)).toEqual(bill);
    expect(await client.account()).toEqual(account);
  }, 90_000);

  it('passes its own audit', async () => {
    const { findings, summary } = await client.audit();
    expect(findings).toEqual([]);
    expect(summary).toMatchObject({ accounts: 1, openHolds: 0, findings: 0 });
    expect(summary['grantedTokens']).toBe(
      summary['balanceTokens'] + summary['heldTokens'] + summary['spentTokens'] + summary['expiredTokens'],
    );
  });
});
