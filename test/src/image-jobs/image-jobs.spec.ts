import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobState, type Job, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { internal, invalidArgument } from '@tessera/platform/errors.js';
import { model, openImageJobs, paidModel } from './image-jobs.factory.js';

const accountId = 'account';
const requestOf = ({ payload }: Job) => payload && anyUnpack(payload, ImageRequestSchema);
const request = { prompt: 'a red apple', images: 2, seed: 7n };

let generation: Awaited<ReturnType<typeof openImageJobs>>;
const ended = async (jobId: string) => (await generation.jobs.get({ accountId, jobId, waitMs: 60_000 })).job!;
/** Answers once the job stands in the queue or runs: the client hears of it a moment before. */
const submit = async (more: { idempotencyKey?: string } = {}) => {
  const { jobId } = (await generation.client.submit({ accountId, request, ...more })).job!;
  for await (const { event } of generation.jobs.watch({ accountId, jobId })) {
    if (event.case === 'job' && event.value.state !== JobState.ACCEPTED) return event.value;
  }
  throw new Error('A job that is watched ends in a final state');
};
afterEach(() => generation.close());

describe('a job', () => {
  beforeEach(async () => {
    generation = await openImageJobs();
  });

  it('is painted, stored and reported with its pictures, its quote and one event', async () => {
    const submitted = await generation.client.submit({ accountId, request });
    expect(submitted).toMatchObject({ isReplay: false, balanceTokens: 98n, job: { state: JobState.ACCEPTED, quote: { totalTokens: 2n } } });
    const job = await ended(submitted.job!.jobId);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, lane: 'fast', chargedTokens: 2n, attempt: 1, modelVersion: model.version });
    expect(job.outputs.map(({ index }) => index)).toEqual([0, 1]);
    for (const { assetId } of job.outputs) expect(generation.pictures.stored.get(assetId)?.jobId).toBe(job.jobId);
    expect(await generation.finishedEvents()).toMatchObject([
      { jobId: job.jobId, state: JobState.SUCCEEDED, unitsDelivered: 2, hasHold: true },
    ]);
  });

  it('is tried again when the engine breaks down, under the same picture ids', async () => {
    generation.engine.failures = [internal('painting_failed', 'The engine crashed.')];
    const job = await ended((await submit()).jobId);
    expect(job).toMatchObject({ state: JobState.SUCCEEDED, attempt: 2 });
    expect(generation.pictures.stored.size).toBe(2);
  });

  it('fails for good after three attempts, and says why', async () => {
    generation.engine.failures = [1, 2, 3].map(() => internal('painting_failed', 'The engine crashed.'));
    const job = await ended((await submit()).jobId);
    expect(job).toMatchObject({ state: JobState.FAILED, attempt: 3, failure: { reason: 'engine_error' }, chargedTokens: 0n });
    expect(await generation.finishedEvents()).toMatchObject([{ state: JobState.FAILED, unitsDelivered: 0, hasHold: true }]);
  });

  it('of a model that is paid for elsewhere is begun once, whatever becomes of it', async () => {
    generation.engine.failures = [internal('painting_failed', 'The engine crashed.')];
    const submitted = await generation.client.submit({ accountId, request: { ...request, modelId: paidModel.modelId } });
    const job = await ended(submitted.job!.jobId);
    expect(job).toMatchObject({ state: JobState.FAILED, attempt: 1, chargedTokens: 0n });
    expect(generation.engine.batches).toHaveLength(1);
  });

  it('fails at once when the engine refuses it', async () => {
    generation.engine.failures = [invalidArgument('unreadable_init_image', 'Not a picture.')];
    expect(await ended((await submit()).jobId)).toMatchObject({
      state: JobState.FAILED,
      attempt: 1,
      failure: { reason: 'unreadable_init_image' },
    });
  });

  it('stops being painted when it is cancelled, and stays cancelled', async () => {
    const { generating } = generation.engine.shut();
    const { jobId } = await submit();
    await generating;
    expect((await generation.jobs.cancel({ accountId, jobId })).job).toMatchObject({ state: JobState.CANCELLED });
    expect((await generation.jobs.cancel({ accountId, jobId })).job).toMatchObject({ state: JobState.CANCELLED });
    expect(await generation.finishedEvents()).toMatchObject([{ state: JobState.CANCELLED, hasHold: true }]);
  });

  it('goes back to the queue when its worker shuts down in the middle, and is painted after the restart', async () => {
    const { generating } = generation.engine.shut();
    const { jobId } = await submit();
    await generating;
    const restarted = generation.restart();
    generation.engine.shut().open();
    await restarted;
    expect(await ended(jobId)).toMatchObject({ state: JobState.SUCCEEDED });
  });

  it('disappears with a word to the others when it is deleted', async () => {
    const { jobId } = await submit();
    await ended(jobId);
    await generation.jobs.delete({ accountId, jobId });
    await expect(generation.jobs.get({ accountId, jobId })).rejects.toMatchObject({ kind: 'NotFound', reason: 'unknown_job' });
  });

  it('does not exist for another account', async () => {
    const { jobId } = await submit();
    const other = { accountId: 'other', jobId };
    await expect(generation.jobs.get(other)).rejects.toMatchObject({ kind: 'NotFound' });
    await expect(generation.jobs.cancel(other)).rejects.toMatchObject({ kind: 'NotFound' });
    await expect(generation.jobs.delete(other)).rejects.toMatchObject({ kind: 'NotFound' });
  });

  it('starts from a picture of the same account only', async () => {
    const [image] = (await ended((await submit()).jobId)).outputs;
    const initImage = { assetId: image!.assetId, strength: 0.5 };
    const job = (await generation.client.submit({ accountId, request: { ...request, initImage } })).job!;
    expect(await ended(job.jobId)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(generation.engine.batches.at(-1)?.requests[0]?.initImage).toMatchObject({ strength: 0.5 });
    await expect(generation.client.submit({ accountId: 'other', request: { ...request, initImage } })).rejects.toMatchObject({
      reason: 'invalid_init_image',
      param: 'init_image_id',
    });
  });

  it('repaints by a mask of the same account only, and where it was told', async () => {
    const [image] = (await ended((await submit()).jobId)).outputs;
    generation.pictures.stored.set(model.leonardoId, { ...generation.pictures.stored.get(image!.assetId)!, accountId: 'other' });
    const placement = { leftPx: 64, topPx: 0, widthPx: 128, heightPx: 128 };
    const initImage = { assetId: image!.assetId, strength: 0, maskAssetId: image!.assetId, placement };
    const job = (await generation.client.submit({ accountId, request: { ...request, initImage } })).job!;
    expect(requestOf(job)?.initImage).toMatchObject({ maskAssetId: image!.assetId, placement });
    expect(await ended(job.jobId)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(generation.engine.batches.at(-1)?.requests[0]?.initImage).toMatchObject({ mask: expect.any(Uint8Array), placement });
    const theirs = { ...initImage, maskAssetId: model.leonardoId };
    await expect(generation.client.submit({ accountId, request: { ...request, initImage: theirs } })).rejects.toMatchObject({
      reason: 'invalid_mask',
      param: 'init_mask_id',
    });
  });

  it('is painted with the adapters that it names', async () => {
    const adapters = [{ adapterId: 'ink', weight: 0.8 }];
    const job = (await generation.client.submit({ accountId, request: { ...request, adapters } })).job!;
    expect(requestOf(job)?.adapters).toMatchObject(adapters);
    await ended(job.jobId);
    expect(generation.engine.batches.at(-1)?.adapters).toEqual([{ id: 'ink', weight: 0.8 }]);
  });

  it('is guided by pictures of the same account only', async () => {
    const [image] = (await ended((await submit()).jobId)).outputs;
    const guidance = [
      { kind: 'edges', assetId: image!.assetId, strength: 0.7 },
      { kind: 'character', assetId: image!.assetId, strength: 1, subject: 'dog' },
    ];
    const job = (await generation.client.submit({ accountId, request: { ...request, guidance } })).job!;
    expect(requestOf(job)?.guidance).toMatchObject(guidance);
    expect(await ended(job.jobId)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(generation.engine.batches.at(-1)?.requests[0]?.guidance).toEqual([
      { kind: 'edges', bytes: expect.any(Uint8Array), strength: 0.7, subject: '' },
      { kind: 'character', bytes: expect.any(Uint8Array), strength: 1, subject: 'dog' },
    ]);
    await expect(generation.client.submit({ accountId: 'other', request: { ...request, guidance } })).rejects.toMatchObject({
      reason: 'invalid_guidance',
      param: 'guidance',
    });
  });
});

describe('a submission', () => {
  beforeEach(async () => {
    generation = await openImageJobs();
  });

  it('with the same key and request is the same job, also while the first is on its way', async () => {
    const replies = await Promise.all([1, 2, 3].map(() => generation.client.submit({ accountId, request, idempotencyKey: 'key' })));
    expect(new Set(replies.map(({ job }) => job?.jobId)).size).toBe(1);
    expect(replies.filter(({ isReplay }) => isReplay)).toHaveLength(2);
    expect(generation.holds.held.size).toBe(1);
  });

  it('with a used key and another request is refused', async () => {
    await submit({ idempotencyKey: 'key' });
    await expect(generation.client.submit({ accountId, request: { ...request, images: 1 }, idempotencyKey: 'key' })).rejects.toMatchObject({
      kind: 'Conflict',
      reason: 'idempotency_key_reused',
    });
  });

  it('without the tokens is refused and leaves nothing behind', async () => {
    generation.holds.balances.set(accountId, 1);
    await expect(submit()).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'insufficient_tokens' });
    expect((await generation.jobs.list({ accountId })).jobs).toEqual([]);
    expect(await generation.finishedEvents()).toEqual([]);
  });

  it('without the tokens but with a key keeps the refusal for the key', async () => {
    generation.holds.balances.set(accountId, 1);
    await expect(submit({ idempotencyKey: 'key' })).rejects.toMatchObject({ reason: 'insufficient_tokens' });
    generation.holds.balances.set(accountId, 100);
    await expect(submit({ idempotencyKey: 'key' })).rejects.toMatchObject({ reason: 'insufficient_tokens' });
    expect(generation.holds.held.size).toBe(0);
  });

  it('that is invalid creates and holds nothing', async () => {
    await expect(generation.client.submit({ accountId, request: { ...request, modelId: 'mosiac-3d' } })).rejects.toMatchObject({
      reason: 'unknown_model',
      message: expect.stringContaining('"mosaic-3d"'),
    });
    await expect(generation.client.submit({ accountId, request: { ...request, images: 9 } })).rejects.toMatchObject({
      reason: 'too_many_images',
    });
    expect(generation.holds.held.size).toBe(0);
    expect((await generation.jobs.list({ accountId })).jobs).toEqual([]);
  });

  it('while billing is away can be repeated with its key and becomes one job', async () => {
    await submit();
    generation.holds.isDown = true;
    await expect(submit({ idempotencyKey: 'key' })).rejects.toMatchObject({ kind: 'Unavailable' });
    generation.holds.isDown = false;
    const job = await submit({ idempotencyKey: 'key' });
    expect(await ended(job.jobId)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(generation.holds.held.size).toBe(2);
  });

  it('that a crash left between acceptance and hold is finished by the next start', async () => {
    generation.holds.isDown = true;
    await expect(submit({ idempotencyKey: 'key' })).rejects.toMatchObject({ kind: 'Unavailable' });
    const [left] = (await generation.jobs.list({ accountId })).jobs;
    expect(left).toMatchObject({ state: JobState.ACCEPTED });
    generation.holds.isDown = false;
    await generation.restart();
    expect(await ended(left!.jobId)).toMatchObject({ state: JobState.SUCCEEDED });
  });

  it('finds models by every name that they go by', async () => {
    for (const modelId of ['', 'mosaic-3d', 'MOSAIC', model.leonardoId]) {
      expect((await generation.client.preview({ accountId, request: { ...request, modelId } })).request?.modelId).toBe('mosaic-3d');
    }
  });
});

describe('watching', () => {
  beforeEach(async () => {
    generation = await openImageJobs();
  });

  const watch = async (jobId: string, afterSequence = '', onMessage: (message: WatchResponse) => void = () => {}) => {
    const messages: WatchResponse[] = [];
    for await (const message of generation.jobs.watch({ accountId, jobId, afterSequence })) {
      messages.push(message);
      onMessage(message);
    }
    return messages;
  };

  it('tells the state first, then progress, and ends with the final state', async () => {
    const { open } = generation.engine.shut();
    const { jobId } = await submit();
    const messages = await watch(jobId, '', ({ event }) => event.case === 'progress' && open());
    expect(messages[0]?.event.case).toBe('job');
    expect(messages.map(({ event }) => event.case)).toContain('progress');
    expect(messages.at(-1)?.event).toMatchObject({ case: 'job', value: { state: JobState.SUCCEEDED } });
  });

  it('resumes after what was seen and repeats nothing', async () => {
    const { open } = generation.engine.shut();
    const { jobId } = await submit();
    const seen: string[] = [];
    for await (const { event, sequence } of generation.jobs.watch({ accountId, jobId })) {
      seen.push(sequence);
      if (event.case === 'progress') break;
    }
    open();
    const rest = await watch(jobId, seen.at(-1));
    for (const { sequence } of rest) expect(seen).not.toContain(sequence);
    expect(rest.at(-1)?.event).toMatchObject({ case: 'job', value: { state: JobState.SUCCEEDED } });
    expect(await watch(jobId, rest.at(-1)?.sequence)).toEqual([]);
  });
});

describe('a worker', () => {
  beforeEach(async () => {
    generation = await openImageJobs({ withWorker: false });
  });

  const claim = async () =>
    (await generation.worker.claim({ workerId: 'w', pool: 'default', modelIds: ['mosaic-3d'], maxJobs: 4, maxUnits: 8, kinds: ['image'] }))
      .leases;
  const outputsOf = (assetIds: readonly string[]) =>
    assetIds.map((assetId, index) => ({ assetId, index, widthPx: 8, heightPx: 8, contentType: 'image/png', sizeBytes: 3n, sha256: 'ab' }));

  it('may repeat a completion, and it counts once', async () => {
    const { jobId } = await submit();
    const [lease] = await claim();
    const completion = { jobId, leaseId: lease!.leaseId, outputs: outputsOf(lease!.outputIds), gpuSeconds: 1, unitsDelivered: 2 };
    expect(await generation.worker.complete(completion)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(await generation.worker.complete(completion)).toMatchObject({ state: JobState.SUCCEEDED });
    expect(await generation.finishedEvents()).toHaveLength(1);
  });

  it('is refused with a lease that it does not hold, or after a cancellation', async () => {
    const { jobId } = await submit();
    const [lease] = await claim();
    const completion = { jobId, leaseId: 'other', outputs: outputsOf(lease!.outputIds), unitsDelivered: 2 };
    await expect(generation.worker.complete(completion)).rejects.toMatchObject({ kind: 'FailedPrecondition', reason: 'lease_lost' });
    await generation.jobs.cancel({ accountId, jobId });
    await expect(generation.worker.complete({ ...completion, leaseId: lease!.leaseId })).rejects.toMatchObject({ reason: 'lease_lost' });
    expect(await generation.worker.heartbeat({ leases: [{ jobId, leaseId: lease!.leaseId }] })).toMatchObject({ stopJobIds: [jobId] });
  });

  it('cannot complete with pictures that are not of its lease', async () => {
    const { jobId } = await submit();
    const [lease] = await claim();
    await expect(
      generation.worker.complete({ jobId, leaseId: lease!.leaseId, outputs: outputsOf(['x', 'y']), unitsDelivered: 2 }),
    ).rejects.toMatchObject({ reason: 'invalid_outputs' });
  });

  it('gets batchable jobs of the queue in one claim, and the queue says how many wait', async () => {
    for (const _ of [1, 2, 3]) await submit();
    expect(await generation.jobs.describeQueue({ accountId })).toMatchObject({ queuedJobs: 3, runningJobs: 0, accountQueuedJobs: 3 });
    expect(await claim()).toHaveLength(3);
    expect(await generation.jobs.describeQueue({ accountId })).toMatchObject({ queuedJobs: 0, runningJobs: 3, accountRunningJobs: 3 });
  });

  it('sees the place of a waiting job', async () => {
    await submit();
    const { jobId } = await submit();
    expect((await generation.jobs.get({ accountId, jobId })).job).toMatchObject({ state: JobState.QUEUED, queuePosition: 1 });
  });

  it('is not needed for a full queue to be refused', async () => {
    generation.holds.limits = { requestsPerMinute: 0, concurrentJobs: 1, queuedJobs: 1 };
    await submit();
    await submit();
    await expect(submit()).rejects.toMatchObject({ kind: 'ResourceExhausted', reason: 'queue_full' });
    expect(generation.holds.held.size).toBe(2);
  });
});
