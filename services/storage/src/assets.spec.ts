import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AssetKind, type ReadAssetResponse } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { accountId, newAsset, runStorage, type RunningStorage } from './storage.fixture.js';

describe('pictures of jobs', () => {
  let running: RunningStorage;
  beforeAll(async () => {
    running = await runStorage();
  });
  afterAll(() => running.close());

  const put = (jobId: string, assets: ReturnType<typeof newAsset>[], account = accountId) =>
    running.storage.putAssets({ accountId: account, jobId, assets });
  const read = async (assetId: string, account = accountId) => {
    const messages: ReadAssetResponse[] = [];
    for await (const message of running.storage.readAsset({ accountId: account, assetId })) messages.push(message);
    return messages.map(({ part }) => part);
  };

  it('describes what was stored', async () => {
    const data = randomBytes(500);
    const { assets } = await put('job-described', [newAsset('described', 3, data)]);
    const { asset } = await running.storage.getAsset({ accountId, assetId: 'described' });
    expect(assets).toEqual([asset]);
    expect(asset).toMatchObject({
      assetId: 'described',
      accountId,
      jobId: 'job-described',
      index: 3,
      kind: AssetKind.GENERATED,
      contentType: 'image/png',
      widthPx: 64,
      heightPx: 64,
      sizeBytes: 500n,
      sha256: createHash('sha256').update(data).digest('hex'),
      createdMs: BigInt(running.clock.now()),
    });
    expect(await running.objects.head(`accounts/${accountId}/jobs/job-described/3.png`)).toBeDefined();
  });

  it('notes whether somebody takes a picture, tells the world once, and shows it with its link', async () => {
    await put('job-marked', [newAsset('marked', 0, randomBytes(10))]);
    const mark = (isAccepted: boolean, account = accountId) =>
      running.storage.markAsset({ accountId: account, assetId: 'marked', isAccepted });
    for (const isAccepted of [true, true, false, true]) expect((await mark(isAccepted)).asset?.isAccepted).toBe(isAccepted);
    expect((await running.storage.signUrls({ accountId, assetIds: ['marked'], expiresS: 60 })).urls).toMatchObject([
      { assetId: 'marked', isAccepted: true },
    ]);
    await expect(mark(true, 'other')).rejects.toMatchObject({ reason: 'unknown_asset' });
    await running.bus.drain();
    expect(running.marked.map(({ assetId, jobId, isAccepted }) => [assetId, jobId, isAccepted])).toEqual(
      [true, false, true].map((isAccepted) => ['marked', 'job-marked', isAccepted]),
    );
  });

  it('reads the description first, then the bytes in pieces of at most 256 KiB', async () => {
    const data = randomBytes(900_000);
    await put('job-read', [newAsset('read', 0, data)]);
    const [first, ...rest] = await read('read');
    expect(first?.case).toBe('asset');
    const pieces = rest.map((part) => (part.case === 'data' ? part.value : new Uint8Array()));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(262_144);
    expect(Buffer.concat(pieces).equals(data)).toBe(true);
  });

  it('overwrites when the same pictures come again, also all at once', async () => {
    const data = randomBytes(300);
    const attempts = await Promise.all(
      Array.from({ length: 8 }, () => put('job-again', [newAsset('again-0', 0, data), newAsset('again-1', 1, data)])),
    );
    await put('job-again', [newAsset('again-1', 1, randomBytes(400)), newAsset('again-2', 2, data)]);
    expect(attempts.every(({ assets }) => assets.length === 2)).toBe(true);
    expect((await running.storage.getAsset({ accountId, assetId: 'again-1' })).asset?.sizeBytes).toBe(400n);
    expect(await running.objects.list(`accounts/${accountId}/jobs/job-again/`, 10)).toHaveLength(3);
  });

  it('keeps no file of an earlier attempt in another format', async () => {
    await put('job-format', [newAsset('format', 0, randomBytes(10), 'image/png')]);
    await put('job-format', [newAsset('format', 0, randomBytes(10), 'image/webp')]);
    expect(await running.objects.list(`accounts/${accountId}/jobs/job-format/`, 10)).toEqual([
      `accounts/${accountId}/jobs/job-format/0.webp`,
    ]);
  });

  it("does not let one job take another one's id", async () => {
    await put('job-owner', [newAsset('owned', 0, randomBytes(10))]);
    await expect(put('job-thief', [newAsset('owned', 0, randomBytes(10))])).rejects.toMatchObject({
      kind: 'Conflict',
      reason: 'asset_id_taken',
    });
    await expect(put('job-owner', [newAsset('owned', 0, randomBytes(10))], 'account-2')).rejects.toMatchObject({
      kind: 'Conflict',
      reason: 'asset_id_taken',
    });
  });

  it("answers for another account's picture as for one that does not exist", async () => {
    await put('job-private', [newAsset('private', 0, randomBytes(10))]);
    const other = { accountId: 'account-2', assetId: 'private' };
    const refusal = { kind: 'NotFound', reason: 'unknown_asset' };
    await expect(running.storage.getAsset(other)).rejects.toMatchObject(refusal);
    await expect(read('private', 'account-2')).rejects.toMatchObject(refusal);
    await expect(running.storage.deleteAsset(other)).rejects.toMatchObject(refusal);
    await expect(running.storage.putUpload({ ...other, data: new Uint8Array() })).rejects.toMatchObject(refusal);
    expect((await running.storage.signUrls({ accountId: 'account-2', assetIds: ['private'], expiresS: 60 })).urls).toEqual([]);
    await expect(running.storage.getAsset({ accountId, assetId: 'nowhere' })).rejects.toMatchObject(refusal);
    expect((await running.storage.getAsset({ accountId, assetId: 'private' })).asset?.assetId).toBe('private');
  });

  it.each([
    ['an id that is a path', { accountId: '../account-2' }, 'invalid_id'],
    ['a job id that is a path', { jobId: 'x/../../jobs/y' }, 'invalid_id'],
    ['an empty id', { assets: [newAsset('', 0, new Uint8Array())] }, 'invalid_id'],
    ['an id twice', { assets: [newAsset('same', 0, new Uint8Array()), newAsset('same', 1, new Uint8Array())] }, 'repeated_asset'],
    ['an index twice', { assets: [newAsset('one', 0, new Uint8Array()), newAsset('two', 0, new Uint8Array())] }, 'repeated_asset'],
    ['another type', { assets: [newAsset('typed', 0, new Uint8Array(), 'text/html')] }, 'unsupported_content_type'],
    ['too many', { assets: Array.from({ length: 65 }, (_, at) => newAsset(`many-${at}`, at, new Uint8Array())) }, 'too_many'],
  ])('refuses %s and keeps nothing', async (_, request, reason) => {
    await expect(running.storage.putAssets({ accountId, jobId: 'job-bad', assets: [], ...request })).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason,
    });
    expect(await running.objects.list(`accounts/${accountId}/jobs/job-bad/`, 10)).toEqual([]);
  });

  it('signs links that open until they expire, and leaves unknown ids out', async () => {
    const data = randomBytes(100);
    await put('job-signed', [newAsset('signed', 0, data)]);
    const { urls } = await running.storage.signUrls({ accountId, assetIds: ['nowhere', 'signed', 'signed'], expiresS: 60 });
    expect(urls.map(({ assetId }) => assetId)).toEqual(['signed']);
    expect(Buffer.from(await (await fetch(urls[0]!.url)).arrayBuffer()).equals(data)).toBe(true);
    running.clock.advance(60_000);
    expect((await fetch(urls[0]!.url)).status).toBe(403);
  });

  it('gives who asks again soon the same long-lived link', async () => {
    await put('job-stable', [newAsset('stable', 0, randomBytes(10))]);
    const sign = async () => (await running.storage.signUrls({ accountId, assetIds: ['stable'], expiresS: 86_400 })).urls[0]!.url;
    const links = [await sign()];
    for (let minute = 1; minute <= 3; minute++) {
      running.clock.advance(1000);
      links.push(await sign());
    }
    expect(new Set(links).size).toBeLessThanOrEqual(2);
  });

  it('forgets a picture that is deleted, its file included', async () => {
    await put('job-deleted', [newAsset('deleted', 0, randomBytes(10))]);
    await running.storage.deleteAsset({ accountId, assetId: 'deleted' });
    await expect(running.storage.getAsset({ accountId, assetId: 'deleted' })).rejects.toMatchObject({ reason: 'unknown_asset' });
    await expect(running.storage.deleteAsset({ accountId, assetId: 'deleted' })).rejects.toMatchObject({ reason: 'unknown_asset' });
    expect(await running.objects.list(`accounts/${accountId}/jobs/job-deleted/`, 10)).toEqual([]);
  });
});
