import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postForm } from '../object-store.installation.js';
import { serveFolder, type ServedFolder } from './object-links.fixture.js';

const hourMs = 3_600_000;

describe('links to a folder over HTTP', () => {
  let served: ServedFolder;
  beforeAll(async () => {
    served = await serveFolder();
  });
  afterAll(() => served.close());

  const linkTo = (key: string) => served.store.signDownload(key, served.clock.now() + hourMs);
  const formFor = (key: string, more: object = {}) =>
    served.store.signUpload({ key, contentTypePrefix: 'image/', sizeBytesMax: 50_000, expiresMs: served.clock.now() + hourMs, ...more });
  const stored = async (key: string, contentType: string, sizeBytes = 100) => {
    const bytes = randomBytes(sizeBytes);
    await served.store.put(key, bytes, { contentType });
    return { bytes, url: await linkTo(key) };
  };

  it('serves pictures to be shown, privately and without guessing', async () => {
    const { url } = await stored('h/picture.png', 'image/png');
    const { headers } = await fetch(url);
    expect(headers.get('content-disposition')).toBe('inline');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('private, max-age=3600');
    expect(headers.get('content-length')).toBe('100');
  });

  it.each(['text/html', 'image/svg+xml', 'application/pdf'])('offers %s as a download, never as a page', async (contentType) => {
    const { url } = await stored('h/other', contentType);
    const { headers } = await fetch(url);
    expect([headers.get('content-disposition'), headers.get('content-type')]).toEqual(['attachment', contentType]);
  });

  it('describes without sending when asked with HEAD', async () => {
    const { url } = await stored('h/head.png', 'image/png', 2_000_000);
    const answer = await fetch(url, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '2000000', '']);
  });

  it.each([
    ['bytes=0-9', 206, 'bytes 0-9/2000000', [0, 10]],
    ['bytes=1999990-', 206, 'bytes 1999990-1999999/2000000', [1_999_990, 2_000_000]],
    ['bytes=-10', 206, 'bytes 1999990-1999999/2000000', [1_999_990, 2_000_000]],
    ['bytes=5-99999999', 206, 'bytes 5-1999999/2000000', [5, 2_000_000]],
    ['bytes=0-1,5-6', 200, null, [0, 2_000_000]],
    ['lines=1-2', 200, null, [0, 2_000_000]],
    ['bytes=2000000-', 416, 'bytes */2000000', [0, 0]],
  ] as const)('answers the range %s with %i', async (range, status, contentRange, [start, end]) => {
    const { bytes, url } = await stored('h/ranges.png', 'image/png', 2_000_000);
    const answer = await fetch(url, { headers: { range } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([status, contentRange]);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(start, end))).toBe(true);
  });

  it('answers 304 to who has it already', async () => {
    const { url } = await stored('h/cached.png', 'image/png');
    const etag = (await fetch(url)).headers.get('etag')!;
    expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(url, { headers: { 'if-none-match': '"another"' } })).status).toBe(200);
  });

  it('tells why a link does not work, in the shape of the REST API', async () => {
    const { url } = await stored('h/why.png', 'image/png');
    const tampered = await fetch(url.replace(/signature=./, 'signature=~'));
    expect([tampered.status, await tampered.json()]).toEqual([
      403,
      expect.objectContaining({ path: '$', code: 'access-denied', type: 'invalid_link_signature', param: 'signature' }),
    ]);
    const twice = await fetch(`${url}&signature=again`);
    expect([twice.status, await twice.json()]).toEqual([403, expect.objectContaining({ type: 'invalid_link_signature' })]);
    const expired = await fetch(await served.store.signDownload('h/why.png', served.clock.now() - 1));
    expect([expired.status, await expired.json()]).toEqual([403, expect.objectContaining({ type: 'link_expired' })]);
    const gone = await fetch(await linkTo('h/gone.png'));
    expect([gone.status, await gone.json()]).toEqual([404, expect.objectContaining({ code: 'not-found', type: 'unknown_object' })]);
  });

  it('ignores an Authorization header, with which some clients send everything', async () => {
    const form = await formFor('h/authorised.png');
    expect((await postForm(form, { bytes: randomBytes(10), type: 'image/png' }, { authorization: 'Bearer leaked' })).status).toBe(204);
  });

  it('takes a picture that is larger than any other request may be', async () => {
    const form = await formFor('h/large.png', { sizeBytesMax: 25_000_000 });
    expect((await postForm(form, { bytes: randomBytes(12_000_000), type: 'image/png' })).status).toBe(204);
    expect((await served.store.head('h/large.png'))?.sizeBytes).toBe(12_000_000);
  });

  it('takes the type from the form when the file has none', async () => {
    const form = await formFor('h/typeless.png', { contentTypePrefix: 'image/png' });
    expect((await postForm(form, { bytes: randomBytes(10), type: '' })).status).toBe(204);
    expect((await served.store.head('h/typeless.png'))?.contentType).toBe('image/png');
  });

  it.each([
    ['too large', {}, { bytes: randomBytes(50_001), type: 'image/png' }, 400, 'object_too_large'],
    ['far too large', {}, { bytes: randomBytes(5_000_000), type: 'image/png' }, 400, 'object_too_large'],
    ['of another type', {}, { bytes: randomBytes(10), type: 'text/html' }, 400, 'unacceptable_content_type'],
    ['late', { expiresMs: 1 }, { bytes: randomBytes(10), type: 'image/png' }, 403, 'link_expired'],
    ['without a signature', { fields: { signature: undefined } }, { bytes: randomBytes(10), type: 'image/png' }, 400, 'missing_field'],
    [
      'with a wrong signature',
      { fields: { signature: 'x'.repeat(43) } },
      { bytes: randomBytes(10), type: 'image/png' },
      403,
      'invalid_link_signature',
    ],
    [
      'for another key',
      { fields: { key: 'h/elsewhere.png' } },
      { bytes: randomBytes(5_000_000), type: 'image/png' },
      403,
      'invalid_link_signature',
    ],
    [
      'with another policy',
      { fields: { policy: Buffer.from('{}').toString('base64') } },
      { bytes: randomBytes(10), type: 'image/png' },
      403,
      'invalid_link_signature',
    ],
  ] as const)(
    'refuses an upload that is %s',
    async (_, { fields = {}, ...policy }: { fields?: Record<string, string | undefined>; expiresMs?: number }, file, status, type) => {
      const form = await formFor('h/refused.png', policy);
      const changed = Object.fromEntries(
        Object.entries({ ...form.fields, ...fields }).filter((entry): entry is [string, string] => entry[1] !== undefined),
      );
      const answer = await postForm({ url: form.url, fields: changed }, file);
      expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ path: '$', type })]);
      expect(await served.store.head('h/refused.png')).toBeUndefined();
    },
  );

  it('refuses a form whose fields come after the file', async () => {
    const form = await formFor('h/late-fields.png');
    const data = new FormData();
    data.append('file', new Blob([randomBytes(10)], { type: 'image/png' }), 'p.png');
    for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
    const answer = await fetch(form.url, { method: 'POST', body: data });
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ type: 'missing_field' })]);
  });

  it.each([
    ['nothing', {}, ''],
    ['JSON', { 'content-type': 'application/json' }, '{}'],
    ['a form without parts', { 'content-type': 'multipart/form-data; boundary=x' }, '--x--\r\n'],
    ['a form without a boundary', { 'content-type': 'multipart/form-data' }, 'abc'],
    ['noise', { 'content-type': 'multipart/form-data; boundary=x' }, 'noise'],
    [
      'a form that is cut off',
      { 'content-type': 'multipart/form-data; boundary=x' },
      '--x\r\ncontent-disposition: form-data; name="key"\r\n\r\nab',
    ],
    [
      'a hundred fields',
      { 'content-type': 'multipart/form-data; boundary=x' },
      `${'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n'.repeat(100)}--x--\r\n`,
    ],
    [
      'a field called __proto__',
      { 'content-type': 'multipart/form-data; boundary=x' },
      '--x\r\ncontent-disposition: form-data; name="__proto__"\r\n\r\nb\r\n--x--\r\n',
    ],
  ])('refuses %s instead of a form', async (_, headers: Record<string, string>, body) => {
    const answer = await fetch(`${served.url}/objects`, { method: 'POST', headers, body });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });

  it('keeps nothing of an upload whose client goes away', async () => {
    const form = await formFor('h/broken.png');
    const fields = Object.entries(form.fields).map(
      ([name, value]) => `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const start = `${fields.join('')}--x\r\ncontent-disposition: form-data; name="file"; filename="p"\r\ncontent-type: image/png\r\n\r\n`;
    const { port } = new URL(served.url);
    const socket = net.connect(Number(port), '127.0.0.1');
    const incoming = path.join(served.dataDir, 'objects', 'incoming');
    const watching = new AbortController();
    const watcher = fs.watch(incoming, { signal: watching.signal })[Symbol.asyncIterator]();
    const begun = watcher.next();
    socket.write(
      `POST /objects HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 40000\r\n\r\n${start}${'y'.repeat(20_000)}`,
    );
    await begun;
    socket.destroy();
    while ((await fs.readdir(incoming)).length > 0) await watcher.next();
    watching.abort();
    expect(await served.store.head('h/broken.png')).toBeUndefined();
  });
});
