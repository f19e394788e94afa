import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { hasWork, measureBacklog } from './backlog.js';
import { openQueue } from './job-queue.factory.js';

let jobs: Awaited<ReturnType<typeof openQueue>>;
beforeEach(async () => {
  jobs = await openQueue();
});
afterEach(() => jobs.close());

const measure = () => measureBacklog(jobs.parts.store, 'pool', jobs.clock.now());
/** More than are read from a lane's front. */
const many = 400;

describe('a backlog', () => {
  it('is nothing where nothing was queued', async () => {
    expect(await measure()).toEqual({
      queuedJobs: { priority: 0, fast: 0, relaxed: 0 },
      queuedGpuSeconds: 0,
      oldestWaitMs: 0,
      leftOfWorkers: [],
    });
    expect(await hasWork(jobs.parts.store, 'pool')).toBe(false);
  });

  it('sums the GPU-seconds of all lanes', async () => {
    await jobs.submit({ lane: 'relaxed', units: 5 });
    for (let n = 0; n < 40; n++) await jobs.submit({ lane: 'fast', units: 2 });
    expect(await measure()).toMatchObject({ queuedGpuSeconds: 85, queuedJobs: { priority: 0, fast: 40, relaxed: 1 } });
    expect(await hasWork(jobs.parts.store, 'pool')).toBe(true);
  });

  it('tells how long the oldest job has waited', async () => {
    await jobs.submit({ accountId: 'early' });
    jobs.clock.advance(30_000);
    await jobs.submit({ accountId: 'late', lane: 'priority' });
    jobs.clock.advance(5_000);
    expect((await measure()).oldestWaitMs).toBe(35_000);
  });

  it('is close to the truth where a lane is long and its jobs differ', async () => {
    const units = Array.from({ length: many }, (_, n) => (n % 40 < 10 ? 1 : 1 + (n % 9)));
    for (const [n, size] of units.entries()) await jobs.submit({ accountId: `account ${n % 7}`, units: size });
    const truth = units.reduce((total, size) => total + size, 0);
    const { queuedGpuSeconds } = await measure();
    expect(queuedGpuSeconds).toBeGreaterThan(truth * 0.85);
    expect(queuedGpuSeconds).toBeLessThan(truth * 1.15);
  });

  it('counts every job of a long lane in which all have the same tag', async () => {
    for (let n = 0; n < many; n++) await jobs.submit({ accountId: `account ${n}` });
    expect(await measure()).toMatchObject({ queuedGpuSeconds: many, queuedJobs: { fast: many } });
  });

  it("leaves out what stands parked at its account's limit, which more workers would not run", async () => {
    for (let n = 0; n < 5; n++) await jobs.submit({ concurrentJobsMax: 2 });
    expect((await measure()).queuedGpuSeconds).toBe(2);
  });

  it('tells for each busy worker what it still has before it', async () => {
    for (let n = 0; n < 3; n++) await jobs.submit({ units: 4 });
    await jobs.claim(2, 'first');
    jobs.clock.advance(1_000);
    await jobs.claim(1, 'second');
    jobs.clock.advance(2_000);
    const { queuedGpuSeconds, leftOfWorkers } = await measure();
    expect(queuedGpuSeconds).toBe(0);
    expect([...leftOfWorkers].sort()).toEqual([2, 2]);
    expect(await hasWork(jobs.parts.store, 'pool')).toBe(true);
  });

  it('is the same after a restart, and without what has ended', async () => {
    for (let n = 0; n < 3; n++) await jobs.submit();
    const [claimed] = await jobs.claim();
    jobs.restart();
    expect(await measure()).toMatchObject({ queuedGpuSeconds: 2, leftOfWorkers: [1] });
    await jobs.succeed(claimed!);
    expect(await measure()).toMatchObject({ queuedGpuSeconds: 2, leftOfWorkers: [] });
  });
});
