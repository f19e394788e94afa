import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
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

  it('stops when it is told to', async () => {
    await expect(run([imageLease('a', opened.modelId)], AbortSignal.abort())).rejects.toMatchObject({ kind: 'Cancelled' });
  });
});
