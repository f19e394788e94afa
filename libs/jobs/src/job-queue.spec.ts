import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { leaseMsDefault as leaseMs } from './claims.js';
import { openQueue } from './job-queue.factory.js';

let jobs: Awaited<ReturnType<typeof openQueue>>;
beforeEach(async () => {
  jobs = await openQueue();
});
afterEach(() => jobs.close());

const idsOf = (claimed: readonly { id: string }[]) => claimed.map(({ id }) => id);
const leaseOf = (job: Awaited<ReturnType<typeof jobs.claim>>[number]) =>
  job.value.life.state === 'running' ? job.value.life.lease.leaseId : '';

describe('claims', () => {
  it('takes batchable jobs together and each only once', async () => {
    const submitted = [await jobs.submit(), await jobs.submit(), await jobs.submit({ affinity: 'y' })];
    const first = await jobs.claim(8);
    const second = await jobs.claim(8);
    expect(idsOf(first)).toEqual(idsOf(submitted.slice(0, 2)));
    expect(idsOf(second)).toEqual(idsOf(submitted.slice(2)));
    expect(await jobs.claim(8)).toEqual([]);
  });

  it('gives every job to one of many claims that run side by side', async () => {
    const submitted = await Promise.all(Array.from({ length: 40 }, () => jobs.submit()));
    const other = jobs.restart();
    const signal = new AbortController().signal;
    const claims = Array.from({ length: 24 }, (_, index) =>
      index % 2 === 0
        ? jobs.claim(4)
        : other.claims.claim(
            { workerId: 'other', pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax: 4, unitsMax: 64, waitMs: 0 },
            signal,
          ),
    );
    const claimed = (await Promise.all(claims)).flat();
    expect(new Set(idsOf(claimed))).toEqual(new Set(idsOf(submitted)));
    expect(claimed).toHaveLength(submitted.length);
  });

  it('wakes a waiting claim when a job is queued', async () => {
    const waiting = jobs.parts.claims.claim(
      { workerId: 'w', pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax: 1, unitsMax: 8, waitMs: 600_000 },
      new AbortController().signal,
    );
    const submitted = await jobs.submit();
    expect(idsOf(await waiting)).toEqual([submitted.id]);
  });

  it('returns from a wait when the worker hangs up', async () => {
    const hangUp = new AbortController();
    const waiting = jobs.parts.claims.claim(
      { workerId: 'w', pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax: 1, unitsMax: 8, waitMs: 600_000 },
      hangUp.signal,
    );
    hangUp.abort();
    expect(await waiting).toEqual([]);
  });

  it('alternates between accounts although one came first with many', async () => {
    const accounts = ['a', 'a', 'a', 'a', 'b', 'b'];
    for (const accountId of accounts) await jobs.submit({ accountId });
    const order: string[] = [];
    for (const _ of accounts) order.push(...(await jobs.claim()).map(({ value }) => value.accountId));
    expect(order.slice(0, 4).sort()).toEqual(['a', 'a', 'b', 'b']);
  });

  it('keeps the order after a restart', async () => {
    for (let n = 0; n < 4; n++) await jobs.submit({ accountId: 'a' });
    await jobs.claim();
    jobs.restart();
    const late = await jobs.submit({ accountId: 'b' });
    const next = [...(await jobs.claim()), ...(await jobs.claim())];
    expect(idsOf(next)).toContain(late.id);
  });
});

describe('leases', () => {
  it('returns a job to the front of its lane when its lease runs out, and fails it after the third time', async () => {
    const lost = await jobs.submit();
    for (const attempt of [1, 2, 3]) {
      await jobs.submit();
      const [claimed] = await jobs.claim();
      expect(claimed).toMatchObject({ id: lost.id, value: { life: { attempt } } });
      jobs.clock.advance(leaseMs + 1);
      await jobs.parts.sweeper.sweep();
    }
    const ended = await jobs.parts.store.get(lost.id);
    expect(ended?.value.life).toMatchObject({ state: 'failed', failure: { reason: 'lease_lost' } });
    expect(await jobs.eventCount()).toBe(1);
  });

  it('lives as long as heartbeats come', async () => {
    await jobs.submit();
    const [claimed] = await jobs.claim();
    for (let beat = 0; beat < 5; beat++) {
      jobs.clock.advance(leaseMs / 2);
      expect((await jobs.parts.claims.renew([{ jobId: claimed!.id, leaseId: leaseOf(claimed!) }])).dropJobIds).toEqual([]);
      await jobs.parts.sweeper.sweep();
    }
    expect(await jobs.stateOf(claimed!.id)).toBe('running');
  });

  it('tells a worker to drop what was cancelled', async () => {
    await jobs.submit();
    const [claimed] = await jobs.claim();
    await jobs.parts.queue.cancel(claimed!);
    expect((await jobs.parts.claims.renew([{ jobId: claimed!.id, leaseId: leaseOf(claimed!) }])).dropJobIds).toEqual([claimed!.id]);
  });

  it('takes back at once what a worker held in an earlier life', async () => {
    await jobs.submit();
    const [claimed] = await jobs.claim(1, 'embedded');
    jobs.restart();
    expect(await jobs.parts.claims.reclaim('embedded', ['pool'])).toBe(1);
    expect(idsOf(await jobs.claim())).toEqual([claimed!.id]);
  });

  it('returns to the queue, at no cost of an attempt, what a worker that leaves was granted and never heard of', async () => {
    const job = await jobs.submit();
    for (let attempt = 0; attempt < 5; attempt++) {
      const granting = jobs.claim(1, 'leaving');
      expect(await jobs.parts.claims.deregister('leaving', ['pool'])).toBe(1);
      await granting;
    }
    expect(await jobs.claim()).toMatchObject([{ id: job.id, value: { life: { attempt: 1 } } }]);
    expect(await jobs.parts.claims.deregister('leaving', ['pool'])).toBe(0);
  });
});

describe('restarts', () => {
  it('do not cost a job its attempts as quickly as lost leases do', async () => {
    const job = await jobs.submit();
    for (let restart = 1; restart <= 5; restart++) {
      expect(idsOf(await jobs.claim(1, 'embedded'))).toEqual([job.id]);
      jobs.restart();
      await jobs.parts.claims.reclaim('embedded', ['pool']);
    }
    expect(await jobs.stateOf(job.id)).toBe('queued');
  });
});

describe('limits of an account', () => {
  it('lets no more jobs run than the account may have, and queues the rest', async () => {
    const submitted = await Promise.all(Array.from({ length: 5 }, () => jobs.submit({ concurrentJobsMax: 2 })));
    const first = await jobs.claim(8);
    expect(first).toHaveLength(2);
    expect(await jobs.claim(8)).toEqual([]);
    const seen = [...first];
    for (let running = [...first]; running.length > 0;) {
      await jobs.succeed(running.shift()!);
      const more = await jobs.claim(8);
      running.push(...more);
      seen.push(...more);
      expect(running.length).toBeLessThanOrEqual(2);
    }
    expect(new Set(idsOf(seen))).toEqual(new Set(idsOf(submitted)));
  });

  it('does not let an account at its limit stand in the way of others', async () => {
    for (let n = 0; n < 100; n++) await jobs.submit({ accountId: 'crowd', concurrentJobsMax: 1 });
    await jobs.claim();
    const other = await jobs.submit({ accountId: 'other', concurrentJobsMax: 1 });
    expect(idsOf(await jobs.claim())).toEqual([other.id]);
  });

  it('frees the place of a job that is cancelled in the queue', async () => {
    const [first, second] = [await jobs.submit({ concurrentJobsMax: 1 }), await jobs.submit({ concurrentJobsMax: 1 })];
    await jobs.parts.queue.cancel(first);
    await jobs.parts.queue.parking.settle();
    expect(idsOf(await jobs.claim())).toEqual([second.id]);
  });

  it('unparks after a restart what a crash left parked', async () => {
    const [first, second] = [await jobs.submit({ concurrentJobsMax: 1 }), await jobs.submit({ concurrentJobsMax: 1 })];
    const { queue } = jobs.parts;
    const [claimed] = await jobs.claim();
    expect(claimed?.id).toBe(first.id);
    await queue.succeed(claimed!, leaseOf(claimed!), 1, { name: 'job' });
    await queue.parking.settle();
    jobs.restart();
    await jobs.parts.queue.parking.lookAtAll();
    expect(idsOf(await jobs.claim())).toEqual([second.id]);
  });

  it('refuses with a time to come back when the queue is full', async () => {
    const limits = { concurrentJobsMax: 1, queuedJobsMax: 2 };
    for (let n = 0; n < 3; n++) {
      const ticket = await jobs.parts.queue.admit('account', limits);
      await jobs.submit({ concurrentJobsMax: 1 });
      ticket.release();
    }
    await expect(jobs.parts.queue.admit('account', limits)).rejects.toMatchObject({
      reason: 'queue_full',
      retryAfterMs: expect.any(Number),
    });
  });
});

describe('the sweeper', () => {
  it('expires what nobody began in time', async () => {
    const job = await jobs.submit();
    jobs.clock.advance(3_600_001);
    await jobs.parts.sweeper.sweep();
    expect(await jobs.stateOf(job.id)).toBe('expired');
    expect(await jobs.claim()).toEqual([]);
  });

  it('goes on with what was accepted and left', async () => {
    const job = await jobs.accept();
    jobs.clock.advance(1_001);
    await jobs.parts.sweeper.sweep();
    expect(jobs.parts.resumed).toEqual([job.id]);
  });

  it('wakes by itself for what is due already when it starts', async () => {
    const job = await jobs.accept();
    jobs.clock.advance(1_001);
    const ended = new Promise<void>((resolve) => {
      const { push } = jobs.changes;
      jobs.changes.push = (...changed) => (resolve(), push.apply(jobs.changes, changed));
    });
    await jobs.parts.sweeper.start();
    await ended;
    expect(jobs.parts.resumed).toEqual([job.id]);
  });
});
