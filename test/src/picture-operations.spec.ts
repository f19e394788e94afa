import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { Client } from './client.js';
import { apiKey, newDataDir, profiles, removeDataDir, repository, type Running } from './profiles.js';

const run = promisify(execFile);
const api = '/api/rest/v1';

/** The whole way of pictures that are enlarged and cut out, on the engine that ships. */
describe('what is done with a picture', () => {
  let server: Running;
  let client: Client;
  let paintedId: string;
  beforeAll(async () => {
    server = await profiles['one process']!({ dataDir: await newDataDir(), engine: 'onnx' });
    client = new Client(server);
    const small = { prompt: 'a red apple on a beach', width: 96, height: 64, num_inference_steps: 4, seed: 7 };
    const painted = await client.finished(await client.create(small));
    paintedId = painted['generated_images'][0].id;
  }, 120_000);
  afterAll(async () => {
    await server.stop();
    await removeDataDir(server.dataDir);
  });

  const post = (operation: string, body: object, headers: Record<string, string> = {}) =>
    client.call('POST', `${api}/pictures/${operation}`, body, headers);
  const pictureOf = async (generationId: string) => {
    const generation = await client.finished(generationId);
    expect(generation).toMatchObject({ status: 'COMPLETE' });
    const bytes = Buffer.from(await (await fetch(generation['generated_images'][0].url)).arrayBuffer());
    return { generation, metadata: await sharp(bytes).metadata() };
  };
  const upload = async (bytes: Buffer, type = 'image/png', headers: Record<string, string> = {}): Promise<string> => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes)], { type }), type === 'image/png' ? 'picture.png' : 'picture.jpg');
    const answer = await fetch(`${server.url}${api}/init-image`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, ...headers },
      body: form,
    });
    return ((await answer.json()) as { uploadInitImage: { id: string } }).uploadInitImage.id;
  };
  const plain = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: '#c33' } });

  it('enlarges a painted picture, and charges the megapixels that come out', async () => {
    const dryRun = await post(`${paintedId}/upscale?dryRun=true`, { factor: 8 });
    expect(dryRun.body).toMatchObject({ dryRun: true, width: 768, height: 512, quote: { totalTokens: 1, lines: [{ kind: 'upscale' }] } });
    const { status, body } = await post(`${paintedId}/upscale`, { factor: 8 }, { prefer: 'wait=60', 'idempotency-key': 'large' });
    expect([status, body['type']]).toEqual([200, undefined]);
    const { generation, metadata } = await pictureOf(body['generationId']);
    expect(metadata).toMatchObject({ format: 'png', width: 768, height: 512 });
    expect(generation).toMatchObject({ imageWidth: 768, tessera: { operation: { kind: 'upscale', pictureId: paintedId } } });
    expect(await client.bill(body['generationId'])).toMatchObject({ state: 'settled', chargedTokens: 1 });
    expect((await post(`${paintedId}/upscale`, { factor: 8 }, { 'idempotency-key': 'large' })).body).toMatchObject({
      generationId: body['generationId'],
      isReplay: true,
    });
  });

  it('cuts out an uploaded photograph, turned upright, and enlarges what came of it with its transparency', async () => {
    const photo = await plain(60, 40).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    const cutOut = (await post(`${await upload(photo, 'image/jpeg')}/remove-background`, {})).body;
    expect(cutOut).toMatchObject({ width: 40, height: 60 });
    const { generation, metadata } = await pictureOf(cutOut['generationId']);
    expect(metadata).toMatchObject({ width: 40, height: 60, hasAlpha: true });
    const enlarged = (await post(`${generation['generated_images'][0].id}/upscale`, { height: 120 })).body;
    expect((await pictureOf(enlarged['generationId'])).metadata).toMatchObject({ width: 80, height: 120, hasAlpha: true });
  });

  it("makes Leonardo's variations, of each other, too", async () => {
    const variation = async (id: string) =>
      (await client.call('GET', `${api}/variations/${id}`)).body['generated_image_variation_generic'][0];
    const made = async (kind: string, body: object, root: string) => {
      const answer = await client.call('POST', `${api}/variations/${kind}`, body);
      const { id } = answer.body[root];
      await client.finished(id);
      return { id: id as string, ...(await variation(id)) };
    };
    const upscaled = await made('upscale', { id: paintedId }, 'sdUpscaleJob');
    expect(upscaled).toMatchObject({ status: 'COMPLETE', transformType: 'UPSCALE', tessera: { width: 192, height: 128 } });
    const cutOut = await made('nobg', { id: upscaled.id, isVariation: true }, 'sdNobgJob');
    expect(cutOut).toMatchObject({ status: 'COMPLETE', transformType: 'NOBG', tessera: { width: 192, height: 128 } });
    const unzoomed = await made('unzoom', { id: paintedId, isVariation: false }, 'sdUnzoomJob');
    expect(unzoomed).toMatchObject({ status: 'COMPLETE', transformType: 'UNZOOM', tessera: { width: 96, height: 64 } });
    expect((await fetch(unzoomed.url)).status).toBe(200);
  });

  it('refuses what it cannot do before anything is charged', async () => {
    const before = await client.account();
    const large = await upload(await plain(4000, 3000).png({ compressionLevel: 1 }).toBuffer());
    const opened = await client.call('POST', `${api}/accounts`, { plan: 'free' });
    const another = { 'tessera-account': opened.body['accountId'] as string };
    const theirs = await upload(await plain(40, 40).png().toBuffer(), 'image/png', another);
    const nobody = '019a0000-0000-7000-8000-000000000000';
    const refusals = [
      [`${nobody}/upscale`, {}, 404, 'unknown_asset', 'id'],
      [`${theirs}/upscale`, {}, 404, 'unknown_asset', 'id'],
      [`..%2fsecret/remove-background`, {}, 404, 'unknown_asset', 'id'],
      [`${paintedId}/upscale`, { factor: 9 }, 400, 'invalid_upscale', 'factor'],
      [`${paintedId}/upscale`, { factor: 2, width: 192 }, 400, 'invalid_upscale', 'factor'],
      [`${paintedId}/upscale`, { width: 96 }, 400, 'invalid_upscale', 'width'],
      [`${paintedId}/upscale`, { factors: 2 }, 400, 'unknown_field', 'factors'],
      [`${large}/upscale`, { factor: 2 }, 400, 'too_many_megapixels', 'factor'],
      [`${paintedId}/remove-background`, { modelId: 'sdxl-turbo-9000' }, 400, 'unknown_model', 'modelId'],
    ] as const;
    for (const [operation, body, status, type, param] of refusals)
      expect(await post(operation, body)).toMatchObject({ status, body: { type, param } });
    expect(await client.call('POST', `${api}/variations/unzoom`, {})).toMatchObject({
      status: 400,
      body: { type: 'missing_field', param: 'id' },
    });
    expect(await client.call('POST', `${api}/variations/unzoom`, { id: large })).toMatchObject({
      status: 400,
      body: { type: 'not_painted' },
    });
    expect(await client.account()).toMatchObject({ balanceTokens: before['balanceTokens'], heldTokens: before['heldTokens'] });
  });

  it('is there on the command line', async () => {
    const file = path.join(server.dataDir, 'sketch.png');
    await writeFile(file, await plain(50, 40).png().toBuffer());
    const tessera = async (...args: string[]) =>
      (
        await run(process.execPath, ['cli/dist/main.js', ...args, '--out', server.dataDir, '--quiet'], {
          cwd: repository,
          env: { ...process.env, TESSERA_URL: server.url, TESSERA_API_KEY: apiKey },
        })
      ).stdout.trim();
    const large = await tessera('upscale', file, '--factor', '3');
    expect(path.basename(large)).toBe('sketch-150x120.png');
    expect(await sharp(await readFile(large)).metadata()).toMatchObject({ width: 150, height: 120 });
    const alone = await tessera('cut-out', paintedId);
    expect(path.basename(alone)).toBe(`${paintedId}-cut-out.png`);
    expect(await sharp(await readFile(alone)).metadata()).toMatchObject({ width: 96, height: 64, hasAlpha: true });
  });
});
