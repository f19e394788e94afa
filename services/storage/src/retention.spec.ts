import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobDeletedSchema, JobFinishedSchema, JobState } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobFinishedSchema as NewJobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState as NewJobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { accountId, newAsset, encodedPicture, runStorage, type RunningStorage } from './storage.fixture.js';
import { Sweep } from './sweep.js';

const hourMs = 3_600_000;

describe('what is kept and what is not', () => {
  let running: RunningStorage;
  beforeEach(async () => {
    running = await runStorage();
  });
  afterEach(() => running.close());

  const put = (jobId: string, assetIds: string[]) =>
    running.storage.putAssets({ accountId, jobId, assets: assetIds.map((assetId, index) => newAsset(assetId, index, randomBytes(50))) });
  const filesOf = (jobId: string) => running.objects.list(`accounts/${accountId}/jobs/${jobId}/`, 100);
  const finished = (jobId: string, state: JobState) => outgoingEvent(JobFinishedSchema, accountId, { jobId, accountId, state });
  const deleted = (jobId: string, account = accountId) => outgoingEvent(JobDeletedSchema, account, { jobId, accountId: account });
  const handled = async (...events: ReturnType<typeof finished>[]) => {
    await running.documents.commit([], events);
    await running.bus.drain();
  };
  const isKnown = (assetId: string) =>
    running.storage.getAsset({ accountId, assetId }).then(
      () => true,
      () => false,
    );

  it('forgets the pictures of a deleted job, and of no other', async () => {
    await put('job-1', ['a', 'b']);
    await put('job-2', ['c']);
    await handled(deleted('job-1'), deleted('job-1'));
    expect([await isKnown('a'), await isKnown('b'), await isKnown('c')]).toEqual([false, false, true]);
    expect([await filesOf('job-1'), (await filesOf('job-2')).length]).toEqual([[], 1]);
  });

  it.each([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED])(
    'forgets what a job that ended in state %i has left, also files without a document',
    async (state) => {
      await put('job-1', ['a']);
      await running.objects.put(`accounts/${accountId}/jobs/job-1/1.png`, randomBytes(10), { contentType: 'image/png' });
      await handled(finished('job-1', state));
      expect([await isKnown('a'), await filesOf('job-1')]).toEqual([false, []]);
    },
  );

  it.each([NewJobState.FAILED, NewJobState.CANCELLED, NewJobState.EXPIRED, NewJobState.REJECTED])(
    'forgets the same when the jobs service tells of state %i, and again',
    async (state) => {
      const event = () => outgoingEvent(NewJobFinishedSchema, 'job-1', { jobId: 'job-1', accountId, state });
      await put('job-1', ['a']);
      await handled(event(), event(), finished('job-1', JobState.FAILED));
      expect([await isKnown('a'), await filesOf('job-1')]).toEqual([false, []]);
    },
  );

  it('keeps the pictures of a job that has succeeded', async () => {
    await put('job-1', ['a']);
    await handled(finished('job-1', JobState.SUCCEEDED));
    expect([await isKnown('a'), (await filesOf('job-1')).length]).toEqual([true, 1]);
  });

  it("does not touch a job for another account's event", async () => {
    await put('job-1', ['a']);
    await handled(deleted('job-1', 'account-2'));
    expect([await isKnown('a'), (await filesOf('job-1')).length]).toEqual([true, 1]);
  });

  it('does not keep pictures that come after the end of their job', async () => {
    await handled(finished('job-1', JobState.CANCELLED));
    await expect(put('job-1', ['a'])).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'job_ended' });
    expect([await isKnown('a'), await filesOf('job-1')]).toEqual([false, []]);
  });

  it('keeps nothing of pictures that arrive while their job is being cancelled', async () => {
    const jobIds = Array.from({ length: 20 }, (_, at) => `job-${at}`);
    await Promise.all(
      jobIds.map((jobId) => Promise.all([put(jobId, [`${jobId}-a`]).catch(() => undefined), handled(finished(jobId, JobState.CANCELLED))])),
    );
    expect(await running.objects.list('accounts/', 1000)).toEqual([]);
    expect((await Promise.all(jobIds.map((jobId) => isKnown(`${jobId}-a`)))).includes(true)).toBe(false);
  });

  it('sweeps uploads that have not come within a day, and those alone', async () => {
    const create = () => running.storage.createUpload({ accountId, extension: 'png' });
    const [missing, unused] = [await create(), await create()];
    await running.objects.put(unused.key, await encodedPicture('png'), { contentType: 'image/png' });
    running.clock.advance(25 * hourMs);
    const fresh = await create();
    expect(await running.app.get(Sweep).run()).toEqual({ uploads: 1, objects: 0, checkpoints: 0 });
    await expect(running.storage.getAsset({ accountId, assetId: missing.assetId })).rejects.toMatchObject({ reason: 'unknown_asset' });
    await expect(running.storage.getAsset({ accountId, assetId: fresh.assetId })).rejects.toMatchObject({ reason: 'upload_missing' });
    expect(await isKnown(unused.assetId)).toBe(true);
    expect(await running.app.get(Sweep).run()).toEqual({ uploads: 0, objects: 0, checkpoints: 0 });
  });

  it('sweeps files that have had no document for a day, and no file of somebody else', async () => {
    await put('job-1', ['a']);
    const lost = [
      `accounts/${accountId}/jobs/job-1/7.png`,
      `accounts/${accountId}/jobs/job-lost/0.png`,
      `accounts/${accountId}/uploads/lost.png`,
    ];
    for (const key of [...lost, 'models/weights.bin']) await running.objects.put(key, randomBytes(10), { contentType: 'image/png' });
    expect(await running.app.get(Sweep).run()).toEqual({ uploads: 0, objects: 0, checkpoints: 0 });
    running.clock.advance(25 * hourMs);
    const young = `accounts/${accountId}/jobs/job-young/0.png`;
    await running.objects.put(young, randomBytes(10), { contentType: 'image/png' });
    expect(await running.app.get(Sweep).run()).toEqual({ uploads: 0, objects: 3, checkpoints: 0 });
    expect(await running.objects.list('', 100)).toEqual([`accounts/${accountId}/jobs/job-1/0.png`, young, 'models/weights.bin']);
  });
});
