import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { OutputHeaderSchema, PutOutputRequestSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { JobDeletedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { textBytesMax } from './content-types.js';
import { accountId, newAsset, runStorage, type RunningStorage } from './storage.fixture.js';

type Message = MessageInitShape<typeof PutOutputRequestSchema>;
type Header = MessageInitShape<typeof OutputHeaderSchema>;

const pieceBytes = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('outputs that come as a stream', () => {
  let running: RunningStorage;
  beforeAll(async () => {
    running = await runStorage();
  });
  afterAll(() => running.close());

  async function* messages(header: Header, bytes: Uint8Array): AsyncGenerator<Message> {
    yield {
      part: { case: 'header', value: { accountId, assetId: `${header.jobId}-0`, contentType: 'application/octet-stream', ...header } },
    };
    for (let at = 0; at < bytes.length; at += pieceBytes) yield { part: { case: 'data', value: bytes.subarray(at, at + pieceBytes) } };
  }
  const put = (header: Header, bytes: Uint8Array) => running.storage.putOutput(messages(header, bytes));
  const filesOf = (jobId: string) => running.objects.list(`accounts/${accountId}/jobs/${jobId}/`, 10);
  const linkTo = async (assetId: string) => (await running.storage.signUrls({ accountId, assetIds: [assetId], expiresS: 60 })).urls[0]!.url;

  it('describes what was stored, and reads it back', async () => {
    const bytes = randomBytes(5_000_000);
    const { output } = await put({ jobId: 'whole', index: 2, sha256: sha256(bytes).toUpperCase() }, bytes);
    expect(output).toMatchObject({
      assetId: 'whole-0',
      index: 2,
      contentType: 'application/octet-stream',
      sizeBytes: 5_000_000n,
      sha256: sha256(bytes),
      widthPx: 0,
      heightPx: 0,
    });
    expect((await running.storage.getAsset({ accountId, assetId: 'whole-0' })).asset).toMatchObject({
      jobId: 'whole',
      sizeBytes: 5_000_000n,
      sha256: sha256(bytes),
    });
    const pieces: Uint8Array[] = [];
    for await (const { part } of running.storage.readAsset({ accountId, assetId: 'whole-0' }))
      if (part.case === 'data') pieces.push(part.value);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(await filesOf('whole')).toEqual([`accounts/${accountId}/jobs/whole/2.bin`]);
  });

  it.each([
    ['text/plain', 'txt'],
    ['application/json', 'json'],
    ['video/mp4', 'mp4'],
    ['video/webm', 'webm'],
    ['application/octet-stream', 'bin'],
  ])(
    'gives %s out as a download that a browser neither shows nor guesses about, whatever its bytes are',
    async (contentType, extension) => {
      const jobId = `typed-${extension}`;
      await put({ jobId, contentType }, Buffer.from('<script>alert(1)</script>'));
      expect(await filesOf(jobId)).toEqual([`accounts/${accountId}/jobs/${jobId}/0.${extension}`]);
      const { headers } = await fetch(await linkTo(`${jobId}-0`));
      expect([headers.get('content-type'), headers.get('content-disposition'), headers.get('x-content-type-options')]).toEqual([
        contentType,
        'attachment',
        'nosniff',
      ]);
    },
  );

  it('shows a picture as one', async () => {
    await put({ jobId: 'picture', contentType: 'image/webp', widthPx: 8, heightPx: 9 }, randomBytes(100));
    expect((await fetch(await linkTo('picture-0'))).headers.get('content-disposition')).toBe('inline');
    expect((await running.storage.getAsset({ accountId, assetId: 'picture-0' })).asset).toMatchObject({ widthPx: 8, heightPx: 9 });
  });

  it('overwrites when the same output comes again, also in another format', async () => {
    await Promise.all(Array.from({ length: 5 }, () => put({ jobId: 'again' }, Buffer.from('old'))));
    await put({ jobId: 'again', contentType: 'text/plain' }, Buffer.from('the new one'));
    expect(await filesOf('again')).toEqual([`accounts/${accountId}/jobs/again/0.txt`]);
    expect((await running.storage.getAsset({ accountId, assetId: 'again-0' })).asset).toMatchObject({
      contentType: 'text/plain',
      sizeBytes: 11n,
    });
  });

  it('keeps what was there when the bytes are not the announced ones, are too many, or break off', async () => {
    const header = { jobId: 'kept', contentType: 'text/plain' };
    await put(header, Buffer.from('the old one'));
    await expect(put({ ...header, sha256: sha256(Buffer.from('something else')) }, Buffer.from('something'))).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'digest_mismatch',
    });
    await expect(put(header, Buffer.alloc(textBytesMax + 1))).rejects.toMatchObject({
      kind: 'InvalidArgument',
      reason: 'object_too_large',
    });
    async function* broken(): AsyncGenerator<Message> {
      yield* messages(header, Buffer.from('half of'));
      throw new Error('the worker is stopped');
    }
    await expect(running.storage.putOutput(broken())).rejects.toThrow('the worker is stopped');
    const { body } = await running.objects.get(`accounts/${accountId}/jobs/kept/0.txt`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('the old one');
  });

  it('takes more than one message can carry', async () => {
    const [piece, pieces] = [Buffer.alloc(pieceBytes, 7), 70];
    async function* long(): AsyncGenerator<Message> {
      yield* messages({ jobId: 'long' }, new Uint8Array());
      for (let sent = 0; sent < pieces; sent++) yield { part: { case: 'data', value: piece } };
    }
    expect((await running.storage.putOutput(long())).output?.sizeBytes).toBe(BigInt(pieces * pieceBytes));
  });

  it.each([
    ['another type', { contentType: 'text/html' }, 'unsupported_content_type'],
    ['a type that is the name of something else', { contentType: '__proto__' }, 'unsupported_content_type'],
    ['a job id that is a path', { jobId: 'x/../y' }, 'invalid_id'],
    ['an asset without an id', { assetId: '' }, 'invalid_id'],
  ])('refuses %s', async (_, header, reason) => {
    await expect(put({ jobId: 'refused', ...header }, Buffer.from('x'))).rejects.toMatchObject({ kind: 'InvalidArgument', reason });
    expect(await filesOf('refused')).toEqual([]);
  });

  it('refuses a stream without a header, or with two', async () => {
    async function* withoutHead(): AsyncGenerator<Message> {
      yield { part: { case: 'data', value: new Uint8Array(3) } };
    }
    async function* twice(): AsyncGenerator<Message> {
      yield* messages({ jobId: 'refused' }, Buffer.from('x'));
      yield* messages({ jobId: 'refused' }, Buffer.from('x'));
    }
    for (const stream of [withoutHead(), twice()])
      await expect(running.storage.putOutput(stream)).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'malformed_stream' });
    expect(await filesOf('refused')).toEqual([]);
  });

  it('takes nothing but pictures in one message', async () => {
    const asset = newAsset('text', 0, Buffer.from('x'), 'text/plain');
    await expect(running.storage.putAssets({ accountId, jobId: 'refused', assets: [asset] })).rejects.toMatchObject({
      reason: 'unsupported_content_type',
    });
  });

  it('keeps nothing of a job that was deleted before, or while the bytes come', async () => {
    const deleted = async (jobId: string) => {
      await running.documents.commit([], [outgoingEvent(JobDeletedSchema, jobId, { jobId, accountId })]);
      await running.bus.drain();
    };
    async function* slow(): AsyncGenerator<Message> {
      yield* messages({ jobId: 'ending' }, Buffer.from('x'));
      await deleted('ending');
    }
    await deleted('ended');
    await expect(put({ jobId: 'ended' }, Buffer.from('x'))).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'job_ended' });
    await expect(running.storage.putOutput(slow())).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'job_ended' });
    expect([await filesOf('ended'), await filesOf('ending')]).toEqual([[], []]);
    await expect(running.storage.getAsset({ accountId, assetId: 'ending-0' })).rejects.toMatchObject({ reason: 'unknown_asset' });
  });
});
