import { createHash, randomBytes } from 'node:crypto';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import type { S3Settings } from '@tessera/platform/config.js';
import type { RunningServer } from '@tessera/servers/running-server.js';
import { s3Access, startS3 } from '@tessera/servers/s3.js';
import { describeObjectStoreConformance } from '../object-store.conformance.js';
import { bytesOf, postForm } from '../object-store.installation.js';
import { openObjectStore } from '../open-object-store.js';

const hourMs = 3_600_000;
let server: RunningServer;
let s3: S3Settings;
beforeAll(async () => {
  server = await startS3();
  s3 = { ...s3Access, endpoint: server.url };
});
afterAll(() => server.stop());

const open = (more: Partial<S3Settings> = {}, clock = new ManualClock(Date.now())) =>
  openObjectStore({ profile: 'cluster', dataDir: 'unused', publicUrl: () => 'unused', s3: { ...s3, ...more }, clock });

async function unfinishedUploads(): Promise<string[]> {
  const client = new S3Client({ endpoint: s3.endpoint, region: s3.region, forcePathStyle: true, credentials: s3Access });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }));
  client.destroy();
  return Uploads.map(({ Key = '' }) => Key);
}

describeObjectStoreConformance('a bucket', async () => {
  const store = await open();
  return {
    store,
    now: () => Date.now(),
    signedAnHourAgo: async (sign) => {
      const thenMs = Date.now() - hourMs;
      const before = await open({}, new ManualClock(thenMs));
      try {
        return await sign(before, thenMs);
      } finally {
        await before.close();
      }
    },
    reopen: () => open(),
    crashWriter: (key) => ({ script: new URL('./s3-object-store.crash-writer.js', import.meta.url), args: [JSON.stringify(s3), key] }),
    strays: unfinishedUploads,
    close: () => store.close(),
  };
});

const octets = { contentType: 'application/octet-stream' };

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1_000_000) yield bytes.subarray(at, at + 1_000_000);
}

describe('a bucket as an object store', () => {
  let store: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store.close());

  it.each([
    ['from memory', (bytes: Uint8Array) => bytes],
    ['as a stream', pieces],
  ])('sends a large object in parts, %s, and keeps nothing beside it', async (_, bodyOf) => {
    const bytes = randomBytes(40_000_001);
    const put = await store.put('large/one', bodyOf(bytes), octets);
    expect(put).toMatchObject({ sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
    const { head, body } = await store.get('large/one', { start: 20_000_000 });
    expect(head).toEqual(put);
    expect((await bytesOf(body)).equals(bytes.subarray(20_000_000))).toBe(true);
    expect(await unfinishedUploads()).toEqual([]);
  });

  it('keeps nothing of a long stream that breaks off or grows too large', async () => {
    const broken = async function* () {
      yield* pieces(randomBytes(20_000_000));
      throw new Error('the source broke');
    };
    await expect(store.put('large/broken', broken(), octets)).rejects.toThrow('the source broke');
    await expect(store.put('large/broken', pieces(randomBytes(20_000_000)), { ...octets, sizeBytesMax: 19_999_999 })).rejects.toMatchObject(
      { reason: 'object_too_large' },
    );
    expect(await store.head('large/broken')).toBeUndefined();
    expect(await unfinishedUploads()).toEqual([]);
  });

  it('gives the digest of what came by a form, and of what replaced it', async () => {
    for (const bytes of [randomBytes(5_000), randomBytes(6_000)]) {
      const form = await store.signUpload({
        key: 'forms/one',
        contentTypePrefix: 'image/png',
        sizeBytesMax: 10_000,
        expiresMs: Date.now() + hourMs,
      });
      expect((await postForm(form, { bytes, type: 'image/png' })).status).toBe(204);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      expect(await store.head('forms/one')).toMatchObject({ contentType: 'image/png', sizeBytes: bytes.length, sha256 });
      const { head, body } = await store.get('forms/one', { start: 0, end: 9 });
      expect([head.sha256, (await bytesOf(body)).equals(bytes.subarray(0, 10))]).toEqual([sha256, true]);
    }
  });

  it.each([
    ['image/png', 'inline'],
    ['text/html', 'attachment'],
    ['image/svg+xml', 'attachment'],
  ])('serves %s as %s, whether it was put or came by a form', async (contentType, disposition) => {
    await store.put('shown/put', Buffer.from('x'), { contentType });
    await postForm(
      await store.signUpload({ key: 'shown/form', contentTypePrefix: contentType, sizeBytesMax: 10, expiresMs: Date.now() + hourMs }),
      { bytes: Buffer.from('x'), type: contentType },
    );
    for (const key of ['shown/put', 'shown/form']) {
      const { headers, status } = await fetch(await store.signDownload(key, Date.now() + hourMs));
      expect([status, headers.get('content-type'), headers.get('content-disposition')]).toEqual([200, contentType, disposition]);
    }
  });

  it('hands out the same link for a while, so that browsers find what they have loaded', async () => {
    const before = await open({}, new ManualClock(Date.UTC(2026, 0, 1, 12, 0, 0)));
    const after = await open({}, new ManualClock(Date.UTC(2026, 0, 1, 12, 4, 59)));
    const untilMs = Date.UTC(2026, 0, 1, 13);
    expect(await before.signDownload('a', untilMs)).toBe(await after.signDownload('a', untilMs));
    await before.close();
    await after.close();
  });

  it('begins links with the address that clients use', async () => {
    const outside = await open({ publicEndpoint: 'https://files.example.org' });
    expect(await outside.signDownload('a/b', Date.now() + hourMs)).toMatch(/^https:\/\/files\.example\.org\/tessera\/a\/b\?/);
    expect(
      (await outside.signUpload({ key: 'a/b', contentTypePrefix: 'image/', sizeBytesMax: 1, expiresMs: Date.now() + hourMs })).url,
    ).toMatch(/^https:\/\/files\.example\.org\/tessera/);
    await outside.close();
  });

  it('removes the uploads in parts that somebody left a day ago, and no younger ones', async () => {
    const client = new S3Client({ endpoint: s3.endpoint, region: s3.region, forcePathStyle: true, credentials: s3Access });
    await client.send(new CreateMultipartUploadCommand({ Bucket: s3.bucket, Key: 'left/behind' }));
    client.destroy();
    await (await open()).close();
    expect(await unfinishedUploads()).toEqual(['left/behind']);
    await (await open({}, new ManualClock(Date.now() + 25 * hourMs))).close();
    expect(await unfinishedUploads()).toEqual([]);
  });

  it('refuses a key that is the folder of another one, where the server cannot hold both', async () => {
    await store.put('folder/key', Buffer.from('x'), octets);
    await expect(store.put('folder/key/below', Buffer.from('x'), octets)).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'invalid_object_key',
    });
  });

  it('lets go of the connection of a body that is given up unread', async () => {
    await store.put('given/up', randomBytes(3_000_000), octets);
    // More than there are connections: the last ones would wait for ever.
    for (let round = 0; round < 300; round++) {
      const { body } = await store.get('given/up');
      await body[Symbol.asyncIterator]().return?.();
    }
    expect((await store.head('given/up'))?.sizeBytes).toBe(3_000_000);
  });
});

describe('a bucket: trouble', () => {
  it('is unavailable while the server is down, and goes on by itself when it is back', async () => {
    const own = await startS3();
    const store = await open({ endpoint: own.url });
    await store.put('a', Buffer.from('before'), octets);
    await own.kill();
    const refusal = { kind: 'Unavailable', reason: 'object_store_unavailable', retryable: true };
    await expect(store.get('a')).rejects.toMatchObject(refusal);
    await expect(store.head('a')).rejects.toMatchObject(refusal);
    await expect(store.put('b', Buffer.from('x'), octets)).rejects.toMatchObject(refusal);
    await expect(store.put('b', pieces(randomBytes(20_000_000)), octets)).rejects.toMatchObject(refusal);
    await expect(store.list('', 10)).rejects.toMatchObject(refusal);
    await expect(store.delete('a')).rejects.toMatchObject(refusal);
    await own.restart();
    expect((await bytesOf((await store.get('a')).body)).toString()).toBe('before');
    await store.close();
    await own.stop();
  });

  it.each([
    ['no server', { endpoint: 'http://127.0.0.1:1' }, 'object_store_unreachable', /^No S3 server answers at 127\.0\.0\.1:1: start it/],
    ['no bucket', { bucket: 'nowhere-at-all' }, 'object_store_refused', /has no bucket "nowhere-at-all": create it/],
    ['an unknown key', { accessKeyId: 'stranger' }, 'object_store_refused', /TESSERA_S3_ACCESS_KEY_ID/],
    ['a wrong secret', { secretAccessKey: 'guessed-wrong' }, 'object_store_refused', /TESSERA_S3_SECRET_ACCESS_KEY/],
    ['another region', { region: 'eu-north-7' }, 'object_store_refused', /TESSERA_S3_REGION/],
  ])('fails the start with advice about %s, and without a secret', async (_, wrong, reason, sentence) => {
    const failure: unknown = await open(wrong).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ reason, message: expect.stringMatching(sentence) });
    expect(String(failure)).not.toContain('guessed-wrong');
  });

  it('finds a key in the environment where none is configured, and signs links with it', async () => {
    const before = { ...process.env };
    const withoutKey = { accessKeyId: undefined, secretAccessKey: undefined };
    try {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: s3Access.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Access.secretAccessKey });
      const roaming = await open(withoutKey);
      await roaming.put('roaming/one', Buffer.from('x'), octets);
      expect((await fetch(await roaming.signDownload('roaming/one', Date.now() + hourMs))).status).toBe(200);
      await roaming.close();
      // This server hands out no sessions, so it knows none: that it refuses ours shows that ours was sent.
      process.env['AWS_SESSION_TOKEN'] = 'a-session';
      await expect(open(withoutKey)).rejects.toMatchObject({
        reason: 'object_store_refused',
        message: expect.stringMatching(/temporary credentials expired or unknown/),
      });
    } finally {
      process.env = before;
    }
  });

  it('needs the name of its bucket', async () => {
    await expect(openObjectStore({ profile: 'cluster', dataDir: 'unused', publicUrl: () => 'unused' })).rejects.toMatchObject({
      reason: 'object_store_not_configured',
    });
  });
});
