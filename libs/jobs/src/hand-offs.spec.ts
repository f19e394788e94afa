import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openQueue } from './job-queue.factory.js';

let jobs: Awaited<ReturnType<typeof openQueue>>;
beforeEach(async () => {
  jobs = await openQueue();
});
afterEach(() => jobs.close());

const idsOf = (found: readonly { id: string }[]) => found.map(({ id }) => id);

describe('a claim that waits', () => {
  it('gets the next job from accepted to running in one commit', async () => {
    const { claimed } = await jobs.waitingClaim();
    const submitted = await jobs.submit();
    expect(await claimed).toEqual([submitted]);
    expect(submitted).toMatchObject({ revision: 2, value: { life: { state: 'running', attempt: 1 } } });
    expect(await jobs.parts.store.get(submitted.id)).toMatchObject({ revision: 2, value: { life: { state: 'running' } } });
    expect(await jobs.parts.queue.loadOf('account')).toEqual({ admitted: 0, waiting: 0, running: 1, parked: 0 });
  });

  it('gets those that arrive together as one batch, as far as it can run them; the others are queued', async () => {
    const accepted = await Promise.all([1, 2, 3].map(() => jobs.accept()));
    const { claimed } = await jobs.waitingClaim({ jobsMax: 2 });
    const entered = await Promise.all(accepted.map((job) => jobs.enqueue(job)));
    expect(idsOf(await claimed)).toEqual(idsOf(accepted).slice(0, 2));
    expect(entered.map(({ value }) => value.life.state)).toEqual(['running', 'running', 'queued']);
    expect(idsOf(await jobs.claim())).toEqual([accepted[2]!.id]);
  });

  it('is not given what does not fit the batch: that is queued', async () => {
    const [one, other] = await Promise.all([jobs.accept({ affinity: 'x' }), jobs.accept({ affinity: 'y' })]);
    const { claimed } = await jobs.waitingClaim({ jobsMax: 2 });
    const entered = await Promise.all([jobs.enqueue(one), jobs.enqueue(other)]);
    expect(idsOf(await claimed)).toEqual([one.id]);
    expect(entered.map(({ value }) => value.life.state)).toEqual(['running', 'queued']);
  });

  it('is not given a job of a model that it does not hold', async () => {
    const { claimed } = await jobs.waitingClaim();
    expect(await jobs.submit({ modelId: 'other' })).toMatchObject({ value: { life: { state: 'queued' } } });
    const own = await jobs.submit();
    expect(idsOf(await claimed)).toEqual([own.id]);
  });

  it('is given the lane of most weight first', async () => {
    const [relaxed, priority] = await Promise.all([jobs.accept(), jobs.accept()]);
    const { claimed } = await jobs.waitingClaim();
    const [late, first] = await Promise.all([jobs.enqueue(relaxed, { lane: 'relaxed' }), jobs.enqueue(priority, { lane: 'priority' })]);
    expect(idsOf(await claimed)).toEqual([late.value.life.state === 'running' ? late.id : first.id]);
    expect([late, first].map(({ value }) => value.life.state).sort()).toEqual(['queued', 'running']);
  });

  it('counts against the limit of the account', async () => {
    const { claimed } = await jobs.waitingClaim();
    const running = await jobs.submit({ concurrentJobsMax: 1 });
    expect(idsOf(await claimed)).toEqual([running.id]);
    const next = await jobs.waitingClaim();
    expect(await jobs.submit({ concurrentJobsMax: 1 })).toMatchObject({ value: { life: { state: 'queued', isParked: true } } });
    await jobs.succeed(running);
    expect(await next.claimed).toHaveLength(1);
  });

  it('loses a job that is cancelled at that moment, and no other', async () => {
    const [cancelled, kept] = await Promise.all([jobs.accept(), jobs.accept()]);
    const { claimed } = await jobs.waitingClaim({ jobsMax: 2 });
    await jobs.parts.queue.cancel(cancelled);
    const entered = await Promise.allSettled([jobs.enqueue(cancelled), jobs.enqueue(kept)]);
    expect(entered).toMatchObject([{ status: 'rejected', reason: { reason: 'revision_mismatch' } }, { status: 'fulfilled' }]);
    expect(idsOf(await claimed)).toEqual([kept.id]);
    expect(await jobs.parts.queue.loadOf('account')).toEqual({ admitted: 0, waiting: 0, running: 1, parked: 0 });
  });

  it('that hangs up while it is given a job leaves it to others', async () => {
    const accepted = await jobs.accept();
    const worker = new AbortController();
    const { claimed } = await jobs.waitingClaim({ signal: worker.signal });
    const entering = jobs.enqueue(accepted);
    worker.abort();
    await entering;
    expect(await claimed).toEqual([]);
    expect(idsOf(await jobs.claim())).toEqual([accepted.id]);
  });
});
