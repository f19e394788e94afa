import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AssetKind, type CreateUploadResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { loraFile } from './lora-file.fixture.js';
import { accountId, encodedPicture, runStorage, type RunningStorage } from './storage.fixture.js';

/** A few hundred bytes of PNG that claim to be 3,600 megapixels, or of the sides that are given. */
function bomb(widthPx = 60_000, heightPx = 60_000): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const typed = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(typed), 4);
    return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(1e6))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('uploads', () => {
  let running: RunningStorage;
  beforeAll(async () => {
    running = await runStorage();
  });
  afterAll(() => running.close());

  const create = (extension = 'png') => running.storage.createUpload({ accountId, extension });
  const get = async (assetId: string) => (await running.storage.getAsset({ accountId, assetId })).asset;
  const send = (upload: CreateUploadResponse, bytes: Uint8Array) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value);
    form.append('file', new Blob([bytes as Uint8Array<ArrayBuffer>]), 'picture');
    return fetch(upload.url, { method: 'POST', body: form });
  };

  it.each([
    ['png', 'png'],
    ['jpg', 'jpeg'],
    ['jpeg', 'jpeg'],
    ['webp', 'webp'],
    ['png', 'webp'],
  ] as const)('takes a file.%s that is %s, and finds out what it is', async (extension, format) => {
    const upload = await create(extension);
    const bytes = await encodedPicture(format, 48);
    expect((await send(upload, bytes)).status).toBe(204);
    expect(await get(upload.assetId)).toMatchObject({
      kind: AssetKind.UPLOADED,
      contentType: `image/${format}`,
      widthPx: 48,
      heightPx: 48,
      sizeBytes: BigInt(bytes.length),
      jobId: '',
    });
    expect(upload.key).toBe(`accounts/${accountId}/uploads/${upload.assetId}.${extension}`);
  });

  it('tells the sides of a turned picture as everybody sees them', async () => {
    const upload = await create('jpg');
    const turned = await sharp({ create: { width: 48, height: 64, channels: 3, background: 'red' } })
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    await send(upload, turned);
    expect(await get(upload.assetId)).toMatchObject({ widthPx: 64, heightPx: 48 });
  });

  it('looks anew at a picture whose form was used once more', async () => {
    const upload = await create();
    await send(upload, await encodedPicture('png', 48));
    expect(await get(upload.assetId)).toMatchObject({ widthPx: 48 });
    const second = await encodedPicture('png', 56);
    expect((await send(upload, second)).status).toBe(204);
    expect(await get(upload.assetId)).toMatchObject({ widthPx: 56, sizeBytes: BigInt(second.length) });
    await send(upload, Buffer.from('<html>not a picture</html>'));
    await expect(get(upload.assetId)).rejects.toMatchObject({ reason: 'not_an_image' });
  });

  it('takes the bytes through the service as well, and keeps them as they are', async () => {
    const { assetId } = await create();
    const data = await encodedPicture('jpeg');
    const { asset } = await running.storage.putUpload({ accountId, assetId, data });
    expect(asset).toEqual(await get(assetId));
    const pieces: Uint8Array[] = [];
    for await (const { part } of running.storage.readAsset({ accountId, assetId })) if (part.case === 'data') pieces.push(part.value);
    expect(Buffer.concat(pieces).equals(data)).toBe(true);
    const { urls } = await running.storage.signUrls({ accountId, assetIds: [assetId], expiresS: 60 });
    const { headers } = await fetch(urls[0]!.url, { method: 'HEAD' });
    expect([headers.get('content-type'), headers.get('content-disposition')]).toEqual(['image/jpeg', 'inline']);
  });

  it.each(['gif', 'PNG', '', 'picture.png', '__proto__', '../png'])('refuses the extension %j', async (extension) => {
    await expect(create(extension)).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'invalid_file_extension',
      param: 'extension',
    });
  });

  it('says that nothing has come yet, and leaves it out of links', async () => {
    const { assetId } = await create();
    await expect(get(assetId)).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'upload_missing' });
    expect((await running.storage.signUrls({ accountId, assetIds: [assetId], expiresS: 60 })).urls).toEqual([]);
  });

  const text = async () => Buffer.from('I am a picture, believe me.');
  const svg = async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>');
  const cut = async (format: 'png' | 'jpeg' | 'webp') => (await encodedPicture(format)).subarray(0, -200);
  it.each([
    ['text', text, 'not_an_image'],
    ['nothing', async () => Buffer.alloc(0), 'not_an_image'],
    ['an SVG', svg, 'not_an_image'],
    ['a GIF', () => encodedPicture('gif'), 'not_an_image'],
    ['a PNG that is cut off', () => cut('png'), 'not_an_image'],
    ['a JPEG that is cut off', () => cut('jpeg'), 'not_an_image'],
    ['a WebP that is cut off', () => cut('webp'), 'not_an_image'],
    ['a decompression bomb', async () => bomb(), 'image_too_large'],
    ['a picture of one column', async () => bomb(1, 39_999_999), 'image_too_large'],
    ['a picture of one row', async () => bomb(39_999_999, 1), 'image_too_large'],
  ])('refuses %s for good, and keeps no byte of it', async (_, bytes, reason) => {
    const upload = await create();
    expect((await send(upload, await bytes())).status).toBe(204);
    await expect(get(upload.assetId)).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
    expect(await running.objects.head(upload.key)).toBeUndefined();
    await expect(get(upload.assetId)).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
    await expect(
      running.storage.putUpload({ accountId, assetId: upload.assetId, data: await encodedPicture('png') }),
    ).rejects.toMatchObject({ reason });
    expect((await running.storage.signUrls({ accountId, assetIds: [upload.assetId], expiresS: 60 })).urls).toEqual([]);
  });

  it('looks once at an upload that many ask for', async () => {
    const upload = await create();
    await send(upload, await encodedPicture('png'));
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(upload.assetId)));
    expect(new Set(answers.map((asset) => asset?.sha256)).size).toBe(1);
  });

  it('never reads out bytes that were put in place of the inspected ones', async () => {
    const upload = await create();
    await send(upload, await encodedPicture('png'));
    await get(upload.assetId);
    await send(upload, bomb());
    const reading = running.storage.readAsset({ accountId, assetId: upload.assetId })[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject({ reason: 'image_too_large' });
  });

  it('accepts nothing after ten minutes', async () => {
    const upload = await create();
    expect(upload.expiresMs).toBe(BigInt(running.clock.now() + 600_000));
    running.clock.advance(600_000);
    expect((await send(upload, await encodedPicture('png'))).status).toBe(403);
  });

  it('does not take an upload in place of a painted picture', async () => {
    await running.storage.putAssets({
      accountId,
      jobId: 'job-painted',
      assets: [{ assetId: 'painted', index: 0, contentType: 'image/png', data: await encodedPicture('png') }],
    });
    await expect(running.storage.putUpload({ accountId, assetId: 'painted', data: await encodedPicture('png') })).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'not_an_upload',
    });
  });

  it('takes an adapter, and says what it is', async () => {
    const upload = await create('safetensors');
    const bytes = loraFile({ 'lora_unet_attn2_to_k.lora_down.weight': [2, 768], 'lora_unet_attn2_to_k.lora_up.weight': [8, 2] });
    expect((await send(upload, bytes)).status).toBe(204);
    expect(await get(upload.assetId)).toMatchObject({
      kind: AssetKind.ADAPTER,
      adapter: { format: 'kohya', family: 'sd15' },
      sizeBytes: BigInt(bytes.length),
    });
    const parts: Uint8Array[] = [];
    for await (const { part } of running.storage.readAsset({ accountId, assetId: upload.assetId }))
      if (part.case === 'data') parts.push(part.value);
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  });

  it('refuses an adapter that cannot be used, for good and with a sentence', async () => {
    const upload = await create('safetensors');
    await send(upload, loraFile({ 'lora_unet_x.hada_w1_a': [2, 4] }));
    for (const _ of [1, 2])
      await expect(get(upload.assetId)).rejects.toMatchObject({ reason: 'unreadable_adapter', message: expect.stringContaining('LoHa') });
    expect(await running.objects.head(upload.key)).toBeUndefined();
  });
});
