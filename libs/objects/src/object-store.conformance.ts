import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from './object-store.js';
import { versionBody } from './object-store.crash-writer.js';
import { bytesOf, postForm, type ObjectStoreUnderTest } from './object-store.installation.js';

const hourMs = 3_600_000;
const png = { contentType: 'image/png' };

/** The definition of an ObjectStore; every adapter runs it. */
export function describeObjectStoreConformance(name: string, open: () => Promise<ObjectStoreUnderTest>): void {
  describe(`ObjectStore: ${name}`, () => {
    let under: ObjectStoreUnderTest;
    let store: ObjectStore;
    beforeAll(async () => {
      under = await open();
      store = under.store;
    });
    afterAll(() => under.close());

    describeObjects(() => store);
    describeListing(() => store);
    describeDownloads(() => under);
    describeUploads(() => under);
    describeCrashes(() => under);
  });
}

function describeObjects(store: () => ObjectStore): void {
  it('gives back the bytes, the content type, the size and the digest of what was put', async () => {
    const bytes = randomBytes(10_000);
    const put = await store().put('a/whole.png', bytes, png);
    const { head, body } = await store().get('a/whole.png');
    expect((await bytesOf(body)).equals(bytes)).toBe(true);
    expect(head).toEqual(put);
    expect(head).toMatchObject({
      key: 'a/whole.png',
      contentType: 'image/png',
      sizeBytes: 10_000,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(await store().head('a/whole.png')).toEqual(put);
  });

  it.each([0, 1, 300_000, 5_000_000])('stores a stream of %i bytes', async (sizeBytes) => {
    const bytes = randomBytes(sizeBytes);
    const head = await store().put('a/streamed', inPieces(bytes, 70_000), { contentType: 'application/octet-stream' });
    expect(head).toMatchObject({ sizeBytes, sha256: createHash('sha256').update(bytes).digest('hex') });
    expect((await bytesOf((await store().get('a/streamed')).body)).equals(bytes)).toBe(true);
  });

  it.each([10_000, 3_000_000])('reads ranges of %i bytes, both ends included, and no further than the end', async (sizeBytes) => {
    const bytes = randomBytes(sizeBytes);
    await store().put('a/ranges', bytes, png);
    for (const [start, end] of [
      [0, 0],
      [5, 5000],
      [9_000, undefined],
      [sizeBytes - 1, sizeBytes + 99],
    ] as const) {
      const { body, head } = await store().get('a/ranges', end === undefined ? { start } : { start, end });
      expect((await bytesOf(body)).equals(bytes.subarray(start, end === undefined ? undefined : end + 1))).toBe(true);
      expect(head.sizeBytes).toBe(sizeBytes);
    }
  });

  it.each([[{ start: 100 }], [{ start: -1 }], [{ start: 5, end: 4 }], [{ start: 0.5 }], [{ start: Number.NaN }]])(
    'refuses the range %j of 100 bytes',
    async (range) => {
      await store().put('a/hundred', randomBytes(100), png);
      await expect(store().get('a/hundred', range)).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'invalid_range' });
    },
  );

  it('says that an object is not there', async () => {
    await expect(store().get('nowhere/to/be/found')).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_object' });
    expect(await store().head('nowhere/to/be/found')).toBeUndefined();
    expect(await store().head('a')).toBeUndefined();
  });

  it('replaces an object, description included', async () => {
    await store().put('a/twice', randomBytes(2_000_000), png);
    await store().put('a/twice', Buffer.from('second'), { contentType: 'text/plain' });
    const { head, body } = await store().get('a/twice');
    expect([head.contentType, head.sizeBytes, (await bytesOf(body)).toString()]).toEqual(['text/plain', 6, 'second']);
  });

  it('lets one of many concurrent puts win whole', async () => {
    const bodies = Array.from({ length: 12 }, (_, at) => Buffer.alloc(400_000, at));
    await Promise.all(
      bodies.map((body, at) => store().put('a/contended', at % 2 === 0 ? body : inPieces(body, 9_000), { contentType: `image/v${at}` })),
    );
    const { head, body } = await store().get('a/contended');
    const winner = Number(head.contentType.slice('image/v'.length));
    expect((await bytesOf(body)).equals(bodies[winner]!)).toBe(true);
  });

  it('shows a reader the old object or the new one while it is being replaced', async () => {
    const versions = [Buffer.alloc(2_000_000, 1), Buffer.alloc(1_500_000, 2)];
    await store().put('a/moving', versions[0]!, png);
    const writing = (async () => {
      for (let round = 1; round <= 10; round++) await store().put('a/moving', versions[round % 2]!, png);
    })();
    for (let round = 0; round < 15; round++) {
      const { head, body } = await store().get('a/moving');
      expect(
        createHash('sha256')
          .update(await bytesOf(body))
          .digest('hex'),
      ).toBe(head.sha256);
    }
    await writing;
  });

  it('keeps nothing of a put that breaks off or grows too large', async () => {
    await store().put('a/kept', Buffer.from('old'), png);
    await expect(store().put('a/kept', brokenStream(), png)).rejects.toThrow('the source broke');
    await expect(store().put('a/kept', inPieces(randomBytes(2000), 600), { ...png, sizeBytesMax: 1999 })).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'object_too_large',
    });
    await expect(store().put('a/kept', randomBytes(2000), { ...png, sizeBytesMax: 1999 })).rejects.toMatchObject({
      reason: 'object_too_large',
    });
    expect((await bytesOf((await store().get('a/kept')).body)).toString()).toBe('old');
  });

  it('deletes, again and again, and beside a put into the same folder', async () => {
    await store().put('d/e/f', Buffer.from('x'), png);
    await store().delete('d/e/f');
    await store().delete('d/e/f');
    expect(await store().head('d/e/f')).toBeUndefined();
    for (let round = 0; round < 50; round++) {
      await store().put('d/e/left', Buffer.from('x'), png);
      await Promise.all([store().delete('d/e/left'), store().put('d/e/right', Buffer.from('y'), png)]);
      expect(await store().head('d/e/right')).toBeDefined();
      await store().delete('d/e/right');
    }
  });

  const badKeys = [
    '',
    '/',
    '/etc/passwd',
    'a//b',
    'a/',
    '../up',
    'a/../../up',
    'a/./b',
    '..',
    '.',
    'a\\..\\b',
    'a b',
    'ä',
    'a\0b',
    'a%2e%2e',
    'x'.repeat(513),
    'x'.repeat(201),
  ];
  it.each(badKeys)('refuses the key %j everywhere', async (key) => {
    const refusal = { kind: 'InvalidArgument', reason: 'invalid_object_key' };
    await expect(store().put(key, Buffer.from('x'), png)).rejects.toMatchObject(refusal);
    await expect(store().get(key)).rejects.toMatchObject(refusal);
    await expect(store().head(key)).rejects.toMatchObject(refusal);
    await expect(store().delete(key)).rejects.toMatchObject(refusal);
    await expect(store().signDownload(key, 1)).rejects.toMatchObject(refusal);
    await expect(store().signUpload({ key, contentTypePrefix: 'image/', sizeBytesMax: 1, expiresMs: 1 })).rejects.toMatchObject(refusal);
  });

  it.each(['', 'image', 'image/png\r\nset-cookie: a=b', 'x'.repeat(200)])('refuses the content type %j', async (contentType) => {
    await expect(store().put('a/typed', Buffer.from('x'), { contentType })).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'invalid_content_type',
    });
  });
}

function describeListing(store: () => ObjectStore): void {
  const keys = ['l/a', 'l/a-b/c', 'l/a.png', 'l/b/1', 'l/b/10', 'l/b/2', 'l/b/c/d/e', 'l/b0', 'l/z'];

  it('lists by prefix in key order, page by page', async () => {
    for (const key of keys.toReversed()) await store().put(key, Buffer.from(key), png);
    expect(await store().list('l/', 1000)).toEqual(keys);
    expect(await store().list('l/b', 1000)).toEqual(['l/b/1', 'l/b/10', 'l/b/2', 'l/b/c/d/e', 'l/b0']);
    expect(await store().list('l/b/', 1000)).toEqual(['l/b/1', 'l/b/10', 'l/b/2', 'l/b/c/d/e']);
    expect(await store().list('l/b/c/d/e', 1000)).toEqual(['l/b/c/d/e']);
    expect(await store().list('nothing/here', 1000)).toEqual([]);
    const paged: string[] = [];
    for (let page = await store().list('l/', 2); page.length > 0; page = await store().list('l/', 2, page.at(-1))) paged.push(...page);
    expect(paged).toEqual(keys);
  });

  it('goes on after a key that is gone', async () => {
    expect(await store().list('l/', 2, 'l/b/3')).toEqual(['l/b/c/d/e', 'l/b0']);
  });

  it.each(['../', '/', 'a//', '..'])('refuses the prefix %j', async (prefix) => {
    await expect(store().list(prefix, 10)).rejects.toMatchObject({ reason: 'invalid_object_key' });
  });

  it.each([0, 1001, Number.NaN])('refuses the limit %d', async (limit) => {
    await expect(store().list('l/', limit)).rejects.toMatchObject({ reason: 'invalid_limit' });
  });
}

function describeDownloads(under: () => ObjectStoreUnderTest): void {
  it('opens an object by its link until the link expires', async () => {
    const { store, now, signedAnHourAgo } = under();
    const bytes = randomBytes(1_500_000);
    await store.put('s/linked.png', bytes, png);
    const url = await store.signDownload('s/linked.png', now() + hourMs);
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    const expired = await signedAnHourAgo((before, thenMs) => before.signDownload('s/linked.png', thenMs + hourMs));
    expect((await fetch(expired)).status).toBe(403);
  });

  it('does not open another object, or for longer, with a link that was tampered with', async () => {
    const { store, now } = under();
    await store.put('s/mine.png', Buffer.from('mine'), png);
    await store.put('s/theirs.png', Buffer.from('theirs'), png);
    const url = new URL(await store.signDownload('s/mine.png', now() + hourMs));
    const other = url.href.replace('mine.png', 'theirs.png');
    const unsigned = `${url.origin}${url.pathname}`;
    const parameters = [...url.searchParams.keys()].map((name) => {
      const changed = new URL(url);
      const value = changed.searchParams.get(name)!;
      changed.searchParams.set(name, (value.startsWith('9') ? '8' : '9') + value.slice(1));
      return changed.href;
    });
    for (const link of [other, unsigned, ...parameters]) {
      const answer = await fetch(link);
      expect([link, answer.status >= 400 && answer.status < 500]).toEqual([link, true]);
      await answer.body?.cancel();
    }
    expect(await (await fetch(url)).text()).toBe('mine');
  });
}

function describeUploads(under: () => ObjectStoreUnderTest): void {
  const upload = (key: string, more: object = {}) =>
    under().store.signUpload({ key, contentTypePrefix: 'image/', sizeBytesMax: 100_000, expiresMs: under().now() + hourMs, ...more });

  it('takes a file by its form, and answers 204 without a body', async () => {
    const bytes = randomBytes(100_000);
    const answer = await postForm(await upload('u/taken.webp'), { bytes, type: 'image/webp' });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    const { head, body } = await under().store.get('u/taken.webp');
    expect([head.contentType, (await bytesOf(body)).equals(bytes)]).toEqual(['image/webp', true]);
  });

  it('refuses a file that is too large, of another type, late, or for another key', async () => {
    const { store, now } = under();
    const fine = { bytes: randomBytes(10), type: 'image/png' };
    const form = await upload('u/refused');
    const late = await upload('u/refused', { expiresMs: now() });
    const tampered = { ...form, fields: { ...form.fields, key: 'u/taken.webp' } };
    const wider = await upload('u/refused', { sizeBytesMax: 999_999 });
    const policies = Object.entries(wider.fields).filter(([name]) => name.toLowerCase() === 'policy');
    const widened = { ...form, fields: { ...form.fields, ...Object.fromEntries(policies) } };
    expect(policies).toHaveLength(1);
    for (const attempt of [
      postForm(form, { bytes: randomBytes(100_001), type: 'image/png' }),
      postForm(form, { ...fine, type: 'text/html' }),
      postForm(late, fine),
      postForm(tampered, fine),
      postForm(widened, fine),
    ]) {
      const { status } = await attempt;
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
    expect(await store.head('u/refused')).toBeUndefined();
    expect((await store.head('u/taken.webp'))?.sizeBytes).toBe(100_000);
  });
}

function describeCrashes(under: () => ObjectStoreUnderTest): void {
  it('holds a whole object after every kill -9, never older than what was acknowledged, and nothing else', async () => {
    const key = 'c/replaced.png';
    for (const acknowledgements of [1, 2, 3, 5]) {
      const { script, args } = under().crashWriter(key);
      const acknowledged = await killAfter(script, args, acknowledgements);
      const store = await under().reopen();
      const { head, body } = await store.get(key);
      const bytes = await bytesOf(body);
      const version = bytes[0]!;
      expect(bytes.equals(versionBody(version))).toBe(true);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(head.sha256);
      expect(version).toBeGreaterThanOrEqual(acknowledged);
      expect(await under().strays()).toEqual([]);
    }
  });
}

/** Kills the writer as soon as it has acknowledged so many versions, which is in the middle of the next one. */
async function killAfter(script: URL, args: readonly string[], acknowledgements: number): Promise<number> {
  const child = spawn(process.execPath, [script.pathname, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise((resolve) => child.once('close', resolve));
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (acknowledged >= acknowledgements) child.kill('SIGKILL');
  }
  await closed;
  return acknowledged;
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function* brokenStream(): AsyncGenerator<Uint8Array> {
  yield randomBytes(1000);
  throw new Error('the source broke');
}
