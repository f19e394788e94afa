import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ImageRequestSchema, type PictureOperationSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import sharp from 'sharp';
import type { Lease } from '@tessera/contracts/tessera/jobs/v1/workers_pb.js';
import type { Update } from '../../runner.js';
import { imageLease, lease } from '../../stand-ins.fixture.js';
import { openImageRunner } from './image-runner.fixture.js';

describe('the runner of images', () => {
  let opened: Awaited<ReturnType<typeof openImageRunner>>;
  beforeEach(async () => {
    opened = await openImageRunner();
  });
  afterEach(() => opened.close());

  async function run(leases: Lease[], signal = new AbortController().signal): Promise<Update[]> {
    const updates: Update[] = [];
    for await (const update of opened.runner.run(leases, signal)) updates.push(update);
    return updates;
  }
  const without = (updates: Update[], ...types: string[]) => updates.filter(({ type }) => !types.includes(type));

  it('holds the models of its engine, each in its pool', async () => {
    expect(await opened.runner.describe()).toContainEqual({ modelId: opened.modelId, version: expect.any(String), pool: 'default' });
  });

  it('makes of a batch one call of the engine, and of each job its pictures', async () => {
    const updates = await run([imageLease('a', opened.modelId), imageLease('b', opened.modelId, { images: 2 })]);
    expect(updates[0]).toEqual({ type: 'needs_device' });
    expect(updates.filter(({ type }) => type === 'progress')).toEqual([1, 2].map((step) => ({ type: 'progress', step, steps: 2 })));
    expect(updates.filter(({ type }) => type === 'output')).toMatchObject(
      [
        ['a', 0],
        ['b', 0],
        ['b', 1],
      ].map(([jobId, index]) => ({ jobId, index, contentType: 'image/png', widthPx: 8, heightPx: 8 })),
    );
    expect(updates.slice(-2)).toEqual([
      { type: 'finished', jobId: 'a', units: 1 },
      { type: 'finished', jobId: 'b', units: 2 },
    ]);
  });

  it('leaves a job out whose own picture is gone, before the device is asked for', async () => {
    const updates = await run([imageLease('a', opened.modelId, { initImageId: 'gone' }), imageLease('b', opened.modelId)]);
    expect(without(updates, 'progress', 'output')).toMatchObject([
      { type: 'failed', jobId: 'a', reason: 'unknown_asset', retryable: false },
      { type: 'needs_device' },
      { type: 'finished', jobId: 'b' },
    ]);
  });

  it('never asks for the device when no job is left', async () => {
    expect(await run([imageLease('a', opened.modelId, { initImageId: 'gone' })])).toMatchObject([{ type: 'failed', jobId: 'a' }]);
  });

  it('refuses a job for good that carries no request for an image', async () => {
    expect(await run([lease('a', { kind: 'image', modelId: opened.modelId })])).toMatchObject([
      { type: 'failed', jobId: 'a', reason: 'unreadable_payload', retryable: false },
    ]);
  });

  const operationLease = (
    jobId: string,
    kind: NonNullable<MessageInitShape<typeof PictureOperationSchema>['kind']>,
    assetId = 'picture',
  ) => {
    const request = { modelId: opened.modelId, widthPx: 90, heightPx: 60, images: 1, operation: { assetId, kind } };
    const payload = anyPack(ImageRequestSchema, create(ImageRequestSchema, request));
    return lease(jobId, { kind: 'image', modelId: opened.modelId, payload });
  };

  it.each([
    ['enlarges', { case: 'upscale', value: {} }, { widthPx: 90, heightPx: 60 }],
    ['cuts out', { case: 'removeBackground', value: {} }, { widthPx: 30, heightPx: 20 }],
  ] as const)('%s the picture of a job', async (_name, kind, size) => {
    opened.storage.assets.set(
      'picture',
      await sharp({ create: { width: 30, height: 20, channels: 3, background: '#c33' } })
        .png()
        .toBuffer(),
    );
    const updates = await run([operationLease('a', kind)]);
    expect(without(updates, 'progress')).toMatchObject([
      { type: 'needs_device' },
      { type: 'output', jobId: 'a', index: 0, contentType: 'image/png', ...size },
      { type: 'finished', jobId: 'a', units: 1 },
    ]);
  });

  it('refuses to enlarge what is no picture, or is gone', async () => {
    opened.storage.assets.set('picture', Buffer.from('no picture'));
    await expect(run([operationLease('a', { case: 'upscale', value: {} })])).rejects.toMatchObject({ reason: 'unreadable_picture' });
    expect(await run([operationLease('a', { case: 'upscale', value: {} }, 'gone')])).toMatchObject([
      { type: 'failed', reason: 'unknown_asset' },
    ]);
  });

  it('refuses what it does not know yet', async () => {
    opened.storage.assets.set('picture', Buffer.from('any'));
    await expect(run([operationLease('a', { case: undefined })])).rejects.toMatchObject({ reason: 'invalid_operation' });
  });

  it('stops when it is told to', async () => {
    await expect(run([imageLease('a', opened.modelId)], AbortSignal.abort())).rejects.toMatchObject({ kind: 'Cancelled' });
  });
});
