import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  JobDeletedSchema as ImageJobDeletedSchema,
  JobFinishedSchema as ImageJobFinishedSchema,
} from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { PutCheckpointRequestSchema } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { accountId, newAsset, runStorage, type RunningStorage } from './storage.fixture.js';
import { Sweep } from './sweep.js';

type Message = MessageInitShape<typeof PutCheckpointRequestSchema>;

const hourMs = 3_600_000;
const jobId = 'job-1';

describe('checkpoints', () => {
  let running: RunningStorage;
  beforeEach(async () => {
    running = await runStorage();
  });
  afterEach(() => running.close());

  async function* messages(step: number, bytes: Uint8Array, job = jobId): AsyncGenerator<Message> {
    yield { part: { case: 'header', value: { accountId, jobId: job, step, units: step * 2 } } };
    yield { part: { case: 'data', value: bytes } };
  }
  const put = async (step: number, bytes: Uint8Array = randomBytes(100), job = jobId) =>
    (await running.storage.putCheckpoint(messages(step, bytes, job))).checkpoint!;
  const read = async (step: number, digest: string, account = accountId) => {
    const pieces: Uint8Array[] = [];
    for await (const { data } of running.storage.readCheckpoint({ accountId: account, jobId, step, digest })) pieces.push(data);
    return Buffer.concat(pieces);
  };
  const stepsOf = async (job = jobId) =>
    (await running.objects.list(`accounts/${accountId}/jobs/${job}/checkpoints/`, 10))
      .map((key) => Number(key.split('/').at(-1)))
      .toSorted((a, b) => a - b);
  const happened = async (...events: ReturnType<typeof outgoingEvent>[]) => {
    await running.documents.commit([], events);
    await running.bus.drain();
  };
  const finished = (state: JobState, job = jobId) =>
    outgoingEvent(JobFinishedSchema, job, { jobId: job, accountId, kind: 'training', state });
  const deleted = () => outgoingEvent(JobDeletedSchema, jobId, { jobId, accountId });
  const sweep = () => running.app.get(Sweep).run();

  it('tells where a checkpoint lies and gives its bytes back in small pieces', async () => {
    const bytes = randomBytes(2_000_000);
    const checkpoint = await put(500, bytes);
    expect(checkpoint).toMatchObject({
      key: `accounts/${accountId}/jobs/${jobId}/checkpoints/500`,
      step: 500,
      units: 1000,
      digest: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await read(500, checkpoint.digest)).equals(bytes)).toBe(true);
  });

  it('keeps the newest and the one before it, and drops the steps of an attempt that nobody goes on from', async () => {
    for (const step of [9, 10, 100]) await put(step);
    expect(await stepsOf()).toEqual([10, 100]);
    await put(50);
    expect(await stepsOf()).toEqual([10, 50]);
    await put(50);
    expect(await stepsOf()).toEqual([10, 50]);
  });

  it('says so when there is none, when it is another one, and when its bytes have changed', async () => {
    const { digest, key } = await put(1);
    await expect(read(2, digest)).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_checkpoint' });
    await expect(read(1, digest, 'account-2')).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_checkpoint' });
    await running.objects.put(key, randomBytes(100), { contentType: 'application/octet-stream' });
    await expect(read(1, digest)).rejects.toMatchObject({ kind: 'Internal', reason: 'checkpoint_damaged' });
  });

  it('removes all when the job has succeeded, and its outputs stay', async () => {
    await put(1);
    await running.storage.putAssets({ accountId, jobId, assets: [newAsset('a', 0, randomBytes(10))] });
    await happened(finished(JobState.SUCCEEDED), finished(JobState.SUCCEEDED));
    expect(await stepsOf()).toEqual([]);
    expect((await running.storage.getAsset({ accountId, assetId: 'a' })).asset?.jobId).toBe(jobId);
    await expect(put(2)).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'job_ended' });
    expect(await stepsOf()).toEqual([]);
  });

  it.each([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED])(
    'keeps them for a day when the job has ended in state %i',
    async (state) => {
      await put(1);
      await put(2);
      await happened(finished(state));
      await expect(put(3)).rejects.toMatchObject({ reason: 'job_ended' });
      running.clock.advance(23 * hourMs);
      await happened(finished(state));
      expect((await sweep()).checkpoints).toBe(0);
      expect(await stepsOf()).toEqual([1, 2]);
      running.clock.advance(hourMs);
      expect((await sweep()).checkpoints).toBe(1);
      expect(await stepsOf()).toEqual([]);
    },
  );

  it('removes all at once when the job is deleted, also one that was cancelled before', async () => {
    await put(1);
    await happened(finished(JobState.CANCELLED), deleted());
    expect(await stepsOf()).toEqual([]);
  });

  it.each([JobState.SUCCEEDED, JobState.CANCELLED])(
    'takes none that comes while the job ends in state %i, and leaves none that nobody removes',
    async (state) => {
      async function* slow(): AsyncGenerator<Message> {
        yield* messages(2, randomBytes(100));
        await happened(finished(state));
      }
      await put(1);
      await expect(running.storage.putCheckpoint(slow())).rejects.toMatchObject({ reason: 'job_ended' });
      running.clock.advance(24 * hourMs);
      await sweep();
      expect(await stepsOf()).toEqual([]);
    },
  );

  it('heeds what the release before has told of its jobs', async () => {
    for (const job of ['succeeded', 'cancelled', 'deleted']) await put(1, randomBytes(10), job);
    await happened(
      outgoingEvent(ImageJobFinishedSchema, 'succeeded', { jobId: 'succeeded', accountId, state: 4 }),
      outgoingEvent(ImageJobFinishedSchema, 'cancelled', { jobId: 'cancelled', accountId, state: 6 }),
      outgoingEvent(ImageJobDeletedSchema, 'deleted', { jobId: 'deleted', accountId }),
    );
    expect([await stepsOf('succeeded'), await stepsOf('cancelled'), await stepsOf('deleted')]).toEqual([[], [1], []]);
  });

  it('sweeps what a crash has left without anything that leads to it, and nothing of a job that runs', async () => {
    await put(1);
    await running.objects.put(`accounts/${accountId}/jobs/lost/checkpoints/7`, randomBytes(10), {
      contentType: 'application/octet-stream',
    });
    running.clock.advance(25 * hourMs);
    expect(await sweep()).toEqual({ uploads: 0, objects: 1, checkpoints: 0 });
    expect([await stepsOf(), await stepsOf('lost')]).toEqual([[1], []]);
  });

  it('refuses a job id that is a path', async () => {
    await expect(put(1, randomBytes(1), 'x/../y')).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'invalid_id' });
  });
});
