import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { JobState, type WatchResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { accountId, openJobs, submission } from './jobs.fixture.js';

const hourMs = 3_600_000;

let running: Awaited<ReturnType<typeof openJobs>>;
beforeEach(async () => {
  running = await openJobs();
});
afterEach(() => running.close());

const stateOf = async (jobId: string) => (await running.jobs.get({ accountId, jobId })).job!;
const outputOf = (outputIds: readonly string[]) => [
  { assetId: outputIds[0]!, index: 0, contentType: 'text/plain', sizeBytes: 3n, sha256: 'ab' },
];

describe('a job of any kind', () => {
  it('keeps its payload and its labels as they came, and delivers its units', async () => {
    const jobId = await running.submit({ memberId: 'ada', project: 'x', labels: { text: 'a nap', tags: ['slow'] } });
    const [lease] = await running.claim();
    expect(lease).toMatchObject({
      jobId,
      kind: 'probe',
      attempt: 1,
      work: { units: 10 },
      payload: { typeUrl: 'type.googleapis.com/google.protobuf.StringValue' },
    });
    await running.worker.complete({
      jobId,
      leaseId: lease!.leaseId,
      outputs: outputOf(lease!.outputIds),
      unitsDelivered: 10,
      gpuSeconds: 1,
    });
    expect(await stateOf(jobId)).toMatchObject({
      state: JobState.SUCCEEDED,
      kind: 'probe',
      memberId: 'ada',
      labels: { text: 'a nap', tags: ['slow'] },
      unitsDelivered: 10,
      chargedTokens: 10n,
      outputs: [{ contentType: 'text/plain' }],
    });
    expect(await running.finishedEvents()).toMatchObject([{ jobId, kind: 'probe', unitsDelivered: 10, outputs: [{ index: 0 }] }]);
  });

  it('is not completed with more units than were priced, nor with none', async () => {
    const jobId = await running.submit();
    const [lease] = await running.claim();
    for (const unitsDelivered of [0, 11]) {
      await expect(
        running.worker.complete({ jobId, leaseId: lease!.leaseId, outputs: outputOf(lease!.outputIds), unitsDelivered }),
      ).rejects.toMatchObject({ reason: 'invalid_outputs' });
    }
  });

  it('is claimed by workers that have a runner for its kind alone', async () => {
    await running.submit();
    await until(async () => (await running.jobs.describeQueue({ accountId })).queuedJobs === 1);
    const claim = { workerId: 'worker', pool: 'default', modelIds: ['sleeper'], maxJobs: 1, maxUnits: 100, waitMs: 0 };
    expect((await running.worker.claim({ ...claim, kinds: ['image'] })).leases).toEqual([]);
    expect((await running.worker.claim({ ...claim, kinds: ['image', 'probe'] })).leases).toHaveLength(1);
  });

  it('is found behind many of a kind that the worker cannot run', async () => {
    for (let n = 0; n < 100; n++) await running.submit({ kind: 'nap', accountId: `account ${n}` });
    const jobId = await running.submit();
    expect(await running.claim()).toMatchObject([{ jobId }]);
  });

  it('runs alone when it names no affinity', async () => {
    for (const _ of [1, 2]) await running.submit();
    await until(async () => (await running.jobs.describeQueue({ accountId })).queuedJobs === 2);
    expect(await running.claim(8)).toHaveLength(1);
  });

  it.each([{ work: undefined }, { compute: undefined }, { payload: undefined }, { kind: 'Not a kind' }, { outputs: 1_000 }])(
    'is refused as a fault of its service with %j',
    async (change) => {
      await expect(running.jobs.submit({ ...submission(), ...change } as never)).rejects.toMatchObject({
        kind: 'Internal',
        reason: 'invalid_submission',
      });
    },
  );
});

describe('the terms of a kind', () => {
  it('say how long a lease lasts and how many attempts there are', async () => {
    const jobId = await running.submit({ terms: { leaseMs: BigInt(hourMs), attemptsMax: 1 } });
    const [lease] = await running.claim();
    expect(lease).toMatchObject({ leaseMs: BigInt(hourMs), expiresMs: BigInt(running.clock.now() + hourMs) });
    running.clock.advance(hourMs / 2);
    expect(await running.worker.heartbeat({ leases: [{ jobId, leaseId: lease!.leaseId }] })).toMatchObject({ stopJobIds: [] });
    expect(
      await running.worker.fail({ jobId, leaseId: lease!.leaseId, failure: { reason: 'engine_error', message: 'x' }, retryable: true }),
    ).toMatchObject({ state: JobState.FAILED });
  });

  it('say until when it may begin, and how long its tokens are held', async () => {
    await running.submit({ terms: { startWithinMs: BigInt(hourMs), holdMarginMs: BigInt(hourMs) } });
    expect(running.reserved.at(-1)?.deadlineMs).toBe(BigInt(running.clock.now() + 2 * hourMs));
  });

  it.each([
    [true, 4],
    [false, 0],
  ])('say whether a cancelled job pays for its last checkpoint (%p: %d units)', async (chargesCheckpoints, units) => {
    const jobId = await running.submit({ terms: { chargesCheckpoints } });
    const [lease] = await running.claim();
    await running.worker.heartbeat({
      leases: [{ jobId, leaseId: lease!.leaseId, checkpoint: { key: 'k', step: 4, digest: 'd', units: 4 } }],
    });
    expect((await running.jobs.cancel({ accountId, jobId })).job).toMatchObject({ state: JobState.CANCELLED, unitsDelivered: units });
    expect(await running.finishedEvents()).toMatchObject([{ state: JobState.CANCELLED, unitsDelivered: units, hasHold: true }]);
  });
});

describe('a checkpoint', () => {
  const beat = (jobId: string, leaseId: string, step: number) =>
    running.worker.heartbeat({ leases: [{ jobId, leaseId, checkpoint: { key: `step ${step}`, step, digest: 'd', units: step } }] });

  it('is where the next attempt goes on', async () => {
    const jobId = await running.submit();
    const [first] = await running.claim();
    await beat(jobId, first!.leaseId, 3);
    expect(await stateOf(jobId)).toMatchObject({ progress: { step: 3 } });
    await running.worker.reclaim({ workerId: 'worker' });
    const [second] = await running.claim();
    expect(second).toMatchObject({ jobId, attempt: 2, checkpoint: { key: 'step 3', step: 3, units: 3 } });
  });

  it('is kept under the lease that made it only, and never replaced by an older one', async () => {
    const jobId = await running.submit();
    const [lease] = await running.claim();
    await beat(jobId, lease!.leaseId, 5);
    await beat(jobId, lease!.leaseId, 2);
    expect(await beat(jobId, 'another lease', 9)).toMatchObject({ stopJobIds: [jobId] });
    expect(await stateOf(jobId)).toMatchObject({ progress: { step: 5 } });
  });
});

describe('a worker that goes', () => {
  it('in good order costs its jobs no attempt', async () => {
    const jobId = await running.submit();
    await running.claim();
    expect(await running.worker.deregister({ workerId: 'worker' })).toMatchObject({ returned: 1 });
    expect((await running.claim())[0]).toMatchObject({ jobId, attempt: 1 });
  });

  it('because its engine is gone costs them none either', async () => {
    const jobId = await running.submit();
    const [lease] = await running.claim();
    await running.worker.fail({
      jobId,
      leaseId: lease!.leaseId,
      failure: { reason: 'engine_lost', message: '' },
      retryable: true,
      countsNoAttempt: true,
    });
    expect((await running.claim())[0]).toMatchObject({ jobId, attempt: 1 });
  });
});

describe('an idempotency key', () => {
  it('makes nothing anew when its job was deleted', async () => {
    const keyed = submission({ idempotencyKey: 'once' });
    const { job } = await running.jobs.submit(keyed);
    await running.jobs.delete({ accountId, jobId: job!.jobId });
    await expect(running.jobs.submit(keyed)).rejects.toMatchObject({ kind: 'Conflict', reason: 'job_deleted', param: 'idempotency_key' });
    const without = await running.submit();
    await running.jobs.delete({ accountId, jobId: without });
    expect(await running.jobs.submit(submission({ idempotencyKey: 'twice' }))).toMatchObject({ isReplay: false });
  });
});

describe('a repeat without a key', () => {
  it('joins the newest job that was asked for in the same words, if its caller says that it is one', async () => {
    const first = await running.submit();
    const second = await running.submit();
    expect(second).not.toBe(first);
    expect(await running.jobs.submit(submission({ joinsEqual: true }))).toMatchObject({ isReplay: true, job: { jobId: second } });
    expect(running.reserved).toHaveLength(2);
  });

  it.each([{ requestDigest: 'other' }, { accountId: 'other' }, { kind: 'nap' }])('joins nothing else: %j', async (change) => {
    await running.submit();
    expect(await running.jobs.submit(submission({ joinsEqual: true, ...change }))).toMatchObject({ isReplay: false });
  });

  it('joins nothing that is an hour old', async () => {
    await running.submit();
    running.clock.advance(hourMs);
    expect(await running.jobs.submit(submission({ joinsEqual: true }))).toMatchObject({ isReplay: false });
  });
});

describe('the list', () => {
  it('goes on by page token, stable while jobs arrive, and by kind', async () => {
    const jobIds: string[] = [];
    for (let n = 0; n < 5; n++) {
      jobIds.unshift(await running.submit({ kind: n % 2 === 0 ? 'probe' : 'nap' }));
      running.clock.advance(1);
    }
    const first = await running.jobs.list({ accountId, limit: 2 });
    await running.submit();
    const second = await running.jobs.list({ accountId, limit: 2, pageToken: first.nextPageToken });
    const third = await running.jobs.list({ accountId, limit: 2, pageToken: second.nextPageToken });
    expect([first, second, third].flatMap(({ jobs }) => jobs.map(({ jobId }) => jobId))).toEqual(jobIds);
    expect(third.nextPageToken).toBe('');
    expect((await running.jobs.list({ accountId, kind: 'nap' })).jobs.map(({ kind }) => kind)).toEqual(['nap', 'nap']);
    await expect(running.jobs.list({ accountId, limit: 2, offset: 1, pageToken: first.nextPageToken })).rejects.toMatchObject({
      reason: 'invalid_offset',
    });
  });
});

describe('the stream of an account', () => {
  /** What comes until `isEnough`. */
  async function watched(
    afterSequence: string,
    isEnough: (seen: readonly WatchResponse[]) => boolean,
    account = accountId,
  ): Promise<WatchResponse[]> {
    const seen: WatchResponse[] = [];
    for await (const update of running.jobs.watch({ accountId: account, afterSequence })) {
      seen.push(update);
      if (isEnough(seen)) break;
    }
    return seen;
  }
  const casesOf = (updates: readonly WatchResponse[]) => updates.map(({ event }) => event.case);
  const isCaughtUp = (seen: readonly WatchResponse[]) => seen.at(-1)?.event.case === 'caughtUp';

  it('begins with the present and tells of every job, to its end or its removal', async () => {
    const seen = watched('', (updates) => updates.at(-1)?.event.case === 'removed');
    await pause(50);
    const [one, other] = [await running.submit(), await running.submit()];
    const [lease] = await running.claim();
    await running.worker.heartbeat({ leases: [{ jobId: lease!.jobId, leaseId: lease!.leaseId, progress: { step: 1, steps: 10 } }] });
    await running.worker.complete({
      jobId: lease!.jobId,
      leaseId: lease!.leaseId,
      outputs: outputOf(lease!.outputIds),
      unitsDelivered: 10,
    });
    await running.jobs.cancel({ accountId, jobId: other === lease!.jobId ? one : other });
    await running.jobs.delete({ accountId, jobId: one });
    const updates = await seen;
    expect(casesOf(updates)[0]).toBe('caughtUp');
    expect(new Set(updates.flatMap(({ event, jobId }) => (event.case === 'job' ? [jobId] : [])))).toEqual(new Set([one, other]));
    expect(casesOf(updates)).toContain('progress');
    expect(updates.at(-1)).toMatchObject({ jobId: one });
  });

  it('tells after a break what has changed meanwhile, and then that it has caught up', async () => {
    const [{ sequence } = { sequence: '' }] = await watched('', isCaughtUp);
    running.clock.advance(10_000);
    const jobId = await running.submit();
    await running.jobs.cancel({ accountId, jobId });
    running.clock.advance(10_000);
    const missed = await watched(sequence, isCaughtUp);
    expect(missed).toMatchObject([
      { jobId, event: { case: 'job', value: { state: JobState.CANCELLED } } },
      { event: { case: 'caughtUp' } },
    ]);
    expect(casesOf(await watched(missed.at(-1)!.sequence, isCaughtUp)).length).toBeLessThanOrEqual(2);
    running.clock.advance(10_000);
    const later = await watched('', isCaughtUp);
    expect(casesOf(await watched(later.at(-1)!.sequence, isCaughtUp))).toEqual(['caughtUp']);
  });

  it('tells nothing of other accounts', async () => {
    const [{ sequence } = { sequence: '' }] = await watched('', isCaughtUp);
    running.clock.advance(10_000);
    await running.submit({ accountId: 'other' });
    expect(casesOf(await watched(sequence, isCaughtUp))).toEqual(['caughtUp']);
  });
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(5);
}
