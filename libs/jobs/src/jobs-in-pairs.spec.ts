import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { openQueue, type Submitted } from './job-queue.factory.js';
import type { StoredJob } from './job.store.js';

/** Two processes on one store: parts that know nothing of each other's memory. */
let jobs: Awaited<ReturnType<typeof openQueue>>;
let pair: (typeof jobs.parts)[];
beforeEach(async () => {
  jobs = await openQueue({ isShared: true });
  pair = [jobs.parts, jobs.restart()];
});
afterEach(async () => {
  await settle();
  await jobs.close();
});

const settle = () => Promise.all(pair.map(({ queue }) => queue.parking.settle()));

async function submit(at: number, { lane = 'fast', concurrentJobsMax = 0, ...job }: Submitted): Promise<StoredJob<object>> {
  return pair[at]!.queue.enqueue(await jobs.accept(job), {
    lane,
    concurrentJobsMax,
    startDeadlineMs: jobs.clock.now() + 3_600_000,
    payload: { name: 'job' },
  });
}

const claim = (at: number) =>
  pair[at]!.claims.claim(
    { workerId: `worker-${at}`, pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax: 1, unitsMax: 8, waitMs: 0 },
    new AbortController().signal,
  );

async function succeed(at: number, job: StoredJob<{ readonly name: string }>): Promise<void> {
  if (job.value.life.state !== 'running') throw new Error(`Job ${job.id} does not run`);
  await pair[at]!.queue.succeed(job, job.value.life.lease.leaseId, 1, job.value.payload);
  await settle();
}

describe('two processes on one store', () => {
  it('keep an account at its limit, wherever its jobs are submitted and end, and strand none', async () => {
    const submitted: string[] = [];
    for (let n = 0; n < 24; n += 1) submitted.push((await submit(n % 2, { concurrentJobsMax: 2 })).id);
    const ended: string[] = [];
    for (let turn = 0; ended.length < submitted.length; turn += 1) {
      const held = [...(await claim(turn % 2)), ...(await claim((turn + 1) % 2)), ...(await claim(turn % 2))];
      expect(held.map(({ id }) => id)).toHaveLength(2);
      // Each job ends at the process that has not leased it.
      for (const job of held) await succeed((turn + ended.length + 1) % 2, job);
      ended.push(...held.map(({ id }) => id));
    }
    expect(ended.sort()).toEqual(submitted.sort());
  });

  it('look again at jobs that were parked for places which another process has freed and could not fill', async () => {
    const first = await submit(0, { concurrentJobsMax: 1 });
    const parked = await submit(1, { concurrentJobsMax: 1 });
    const [running] = await claim(0);
    // The process that frees the place ends before it can look at what is parked.
    const { write } = pair[0]!.store.change(running!, {
      ...running!.value,
      life: { state: 'succeeded', finishedMs: jobs.clock.now(), gpuSeconds: 1, attempt: 1 },
    });
    await pair[0]!.store.commit([write], []);
    expect(await claim(1)).toEqual([]);
    await pair[1]!.queue.parking.lookAtAll();
    expect(await claim(1)).toMatchObject([{ id: parked.id }]);
    expect(running!.id).toBe(first.id);
  });

  it.each([false, true])(
    'give the place of a job that went straight to a waiting worker to the next one (other processes: %s)',
    async (isShared) => {
      const queues = await openQueue({ isShared });
      const { queue, claims } = queues.parts;
      const wait = (waitMs: number) =>
        claims.claim(
          { workerId: 'waiting', pool: 'pool', kinds: ['image'], modelIds: ['model'], jobsMax: 1, unitsMax: 8, waitMs },
          new AbortController().signal,
        );
      const place = {
        lane: 'fast',
        concurrentJobsMax: 1,
        startDeadlineMs: queues.clock.now() + 3_600_000,
        payload: { name: 'job' },
      } as const;
      for (let turn = 0; turn < 3; turn += 1) {
        const waiting = wait(60_000);
        await delay(20);
        const submitted = await queue.enqueue(await queues.accept(), place);
        expect(submitted.value.life.state).toBe('running');
        const [running] = await waiting;
        const parked = await queue.enqueue(await queues.accept(), place);
        expect(await queue.loadOf('account')).toMatchObject({ running: 1, waiting: 0, parked: 1 });
        if (running?.value.life.state !== 'running') throw new Error('The job was not handed to the waiting worker');
        await queue.succeed(running, running.value.life.lease.leaseId, 1, running.value.payload);
        await queue.parking.settle();
        const [next] = await wait(0);
        expect(next).toMatchObject({ id: parked.id });
        await queue.cancel(next!);
        await queue.parking.settle();
      }
      expect(await queue.loadOf('account')).toEqual({ admitted: 0, waiting: 0, running: 0, parked: 0 });
      await queues.close();
    },
  );

  it('fill one free place once when both look at the same parked jobs', async () => {
    await submit(0, { concurrentJobsMax: 1 });
    for (let n = 0; n < 3; n += 1) await submit(n % 2, { concurrentJobsMax: 1 });
    const [running] = await claim(0);
    await pair[0]!.queue.cancel(running!);
    await Promise.all(pair.map(({ queue }) => queue.parking.lookAtAll()));
    await settle();
    expect(await pair[0]!.queue.loadOf('account')).toMatchObject({ waiting: 1, running: 0, parked: 2 });
  });

  it('serve two accounts alternately although each submits through a process of its own', async () => {
    for (let n = 0; n < 6; n += 1) await submit(0, { accountId: 'a' });
    // What has been served meanwhile moves virtual time on in one process only.
    for (let n = 0; n < 3; n += 1) await succeed(0, (await claim(0))[0]!);
    jobs.clock.advance(1_001);
    for (let n = 0; n < 6; n += 1) await submit(1, { accountId: 'b' });
    const order: string[] = [];
    for (let n = 0; n < 6; n += 1) order.push(...(await claim(n % 2)).map(({ value }) => value.accountId));
    expect(order.filter((accountId) => accountId === 'a')).toHaveLength(3);
    expect(order.filter((accountId) => accountId === 'b')).toHaveLength(3);
  });
});
