import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { JobStore } from '@tessera/jobs/job.store.js';
import type { Lane } from '@tessera/jobs/lanes.js';
import { newId } from '@tessera/platform/ids.js';
import { createLogger } from '@tessera/platform/logger.js';
import { jobCollectionVersion } from '@tessera/service-jobs/queue/job-migrations.js';
import { jobCollectionName } from '@tessera/service-jobs/queue/job-record.js';
import { Client } from './client.js';
import { JobPair, mostAtOnce, succeeded } from './job-pair.js';
import { probeCompute, probeSubmission } from './probe/probe.js';

/** With servers, eight processes and the rest of a suite on few cores. */
const timeoutMs = 300_000;

describe('two processes of the jobs service on real servers', () => {
  let pair: JobPair;
  beforeAll(async () => {
    pair = await JobPair.start();
  }, timeoutMs);
  afterAll(() => pair?.stop(), timeoutMs);

  /** Through either process. A queue that is full takes the job later. */
  async function submitPatiently(accountId: string): Promise<string> {
    const idempotencyKey = newId();
    for (;;) {
      try {
        return await pair.any().submit(accountId, idempotencyKey);
      } catch (error) {
        if ((error as { retryable?: boolean }).retryable !== true) throw error;
        await delay(50);
      }
    }
  }

  /** Submits from several clients while workers work; answers the ids. */
  async function load(accountId: string, count: number, meanwhile: () => Promise<void> = async () => {}): Promise<string[]> {
    const jobIds: string[] = [];
    let next = 0;
    const client = async () => {
      while (next++ < count) jobIds.push(await submitPatiently(accountId));
    };
    const done = new AbortController();
    // More than any plan here lets an account run at once.
    const workers = Array.from({ length: 12 }, (_, n) => pair.work(`worker-${n}`, done.signal));
    await Promise.all([...Array.from({ length: 4 }, client), meanwhile()]);
    for (const jobId of jobIds) await pair.ended(accountId, jobId);
    done.abort();
    await Promise.all(workers);
    return jobIds;
  }

  const jobsOf = (accountId: string, jobIds: readonly string[]) => Promise.all(jobIds.map((jobId) => pair.ended(accountId, jobId)));
  const price = async () => (await pair.billing.quote({ compute: probeCompute(1) })).quote!.totalTokens;
  const chargesOf = (accountId: string, jobIds: readonly string[]) => Promise.all(jobIds.map((jobId) => pair.charged(accountId, jobId)));

  it.each([
    ['free', 1, 30],
    ['apprentice', 3, 90],
  ])(
    'end every job of an account (%s) that may run %i at once, and charge each once',
    async (plan, concurrentJobsMax, count) => {
      const accountId = await pair.openAccount(plan);
      const jobIds = await load(accountId, count);
      expect(new Set(jobIds).size).toBe(count);
      const jobs = await jobsOf(accountId, jobIds);
      expect(jobs.filter((job) => !succeeded(job))).toEqual([]);
      process.stdout.write(`${plan}: at most ${mostAtOnce(jobs)} of ${concurrentJobsMax} at once\n`);
      // Each process decides by what the store held a moment ago: in the same moment both may fill the same free places.
      expect(mostAtOnce(jobs)).toBeLessThanOrEqual(2 * concurrentJobsMax);
      expect(new Set(await chargesOf(accountId, jobIds))).toEqual(new Set([await price()]));
    },
    timeoutMs,
  );

  it(
    'serve two accounts alternately although each submits through a process of its own',
    async () => {
      const [first, second] = [await pair.openAccount('maestro'), await pair.openAccount('maestro')];
      const [a, b] = pair.pods;
      for (let n = 0; n < 10; n += 1) await a.submit(first);
      const served: string[] = [];
      const serve = async (at: number) => {
        const { leases } = await pair.pods[at]!.claim('fair', 10_000);
        for (const lease of leases) {
          served.push(lease.accountId);
          await pair.pods[at]!.complete(lease);
        }
      };
      for (let n = 0; n < 4; n += 1) await serve(0);
      for (let n = 0; n < 6; n += 1) await b.submit(second);
      served.length = 0;
      for (let n = 0; n < 12; n += 1) await serve(n % 2);
      const leads = served.map((_, n) => served.slice(0, n + 1).reduce((lead, accountId) => lead + (accountId === first ? 1 : -1), 0));
      expect(Math.max(...leads.map(Math.abs))).toBeLessThanOrEqual(2);
    },
    timeoutMs,
  );

  it(
    'count a position up to a bound, however many stand ahead',
    async () => {
      const accountId = await pair.openAccount('maestro');
      const { job } = await pair.pods[0].jobs.submit(probeSubmission(accountId, { units: 1, sleepMs: 0 }, 'deep'));
      const { lane } = await untilQueued(accountId, job!.jobId);
      const { documents, close } = await openDocuments({
        profile: 'cluster',
        mongoUrl: pair.servers.servers.mongo.url,
        logger: createLogger('silent', 'test'),
      });
      const store = new JobStore<object>(documents, { name: jobCollectionName, version: jobCollectionVersion });
      await fill(store, lane as Lane, 10);
      const position = async () => (await pair.pods[1].jobs.get({ accountId, jobId: job!.jobId })).job!.queuePosition;
      expect(await position()).toBe(10);
      const short = await pollsPerSecond(accountId, job!.jobId);
      await fill(store, lane as Lane, 19_990);
      expect(await position()).toBe(1_000);
      process.stdout.write(`16 pollers: ${short} Get/s with 10 queued ahead, ${await pollsPerSecond(accountId, job!.jobId)} with 20,000\n`);
      await close();
      await pair.pods[0].jobs.cancel({ accountId, jobId: job!.jobId });
    },
    timeoutMs,
  );

  it(
    'go on without Redis, and as before when it is back',
    async () => {
      const accountId = await pair.openAccount('maestro');
      const [a, b] = pair.pods;
      const gateway = new Client({ url: pair.services.url });
      const readiness = () =>
        Promise.all(
          [`${pair.services.url}/readyz`, ...pair.pods.map(({ httpAddress }) => `http://${httpAddress}/readyz`)].map(async (url) => {
            const response = await fetch(url);
            return [response.status, ((await response.json()) as { status: string }).status];
          }),
        );
      const hangUp = new AbortController();
      const seen = new Map<string, JobState>();
      const watching = (async () => {
        for await (const { event, jobId } of b.jobs.watch({ accountId }, { signal: hangUp.signal }))
          if (event.case === 'job') seen.set(jobId, event.value.state);
      })().catch(() => undefined);
      const runOne = async () => {
        const jobId = await a.submit(accountId);
        const [waited, watched] = [b.jobs.get({ accountId, jobId, waitMs: 30_000 }), lastOf(b.jobs.watch({ accountId, jobId }))];
        const { leases } = await b.claim('without-redis', 10_000);
        for (const lease of leases) await a.complete(lease);
        expect((await waited).job!.state).toBe(JobState.SUCCEEDED);
        expect(await watched).toBe(JobState.SUCCEEDED);
        while (seen.get(jobId) !== JobState.SUCCEEDED) await delay(50);
      };
      await runOne();
      await pair.servers.servers.redis.kill();
      while ((await readiness()).some(([, status]) => status === 'ok')) await delay(100);
      expect(await readiness()).toEqual(Array.from({ length: 3 }, () => [200, 'degraded']));
      await runOne();
      await runOne();
      expect((await gateway.audit()).findings).toEqual([]);
      await pair.servers.servers.redis.restart();
      while ((await readiness()).some(([, status]) => status !== 'ok')) await delay(100);
      await runOne();
      hangUp.abort();
      await watching;
    },
    timeoutMs,
  );

  it(
    'lose no job and charge none twice when one of them is killed',
    async () => {
      const accountId = await pair.openAccount('artisan');
      const jobIds = await load(accountId, 80, async () => {
        await delay(400);
        await pair.killSecond();
      });
      const jobs = await jobsOf(accountId, jobIds);
      expect(jobs.filter((job) => !succeeded(job))).toEqual([]);
      expect(mostAtOnce(jobs)).toBeLessThanOrEqual(2 * 5);
      expect(new Set(await chargesOf(accountId, jobIds))).toEqual(new Set([await price()]));
      expect((await new Client({ url: pair.services.url }).audit()).findings).toEqual([]);
    },
    timeoutMs,
  );

  async function untilQueued(accountId: string, jobId: string) {
    for (;;) {
      const { job } = await pair.pods[0].jobs.get({ accountId, jobId });
      if (job!.state === JobState.QUEUED) return job!;
      await delay(20);
    }
  }

  async function fill(store: JobStore<object>, lane: Lane, count: number): Promise<void> {
    const nowMs = Date.now();
    const work = { kind: 'probe', pool: 'deep', modelId: 'probe-1', affinity: '', units: 1, size: 1, gpuSecondsEstimated: 1 };
    const life = {
      state: 'queued',
      lane,
      tag: 0.5,
      isParked: false,
      attempt: 1,
      startDeadlineMs: nowMs + 86_400_000,
      concurrentJobsMax: 0,
      enqueuedMs: nowMs,
    } as const;
    const payload = { request: { typeUrl: '', value: '' }, requestDigest: '', hasKey: false, outputIds: [] };
    for (let left = count; left > 0; left -= 500) {
      await store.commit(
        Array.from({ length: Math.min(500, left) }, () =>
          store.insertion(newId(), { accountId: 'others', createdMs: nowMs, changedMs: nowMs, work, life, payload }),
        ),
      );
    }
  }

  async function pollsPerSecond(accountId: string, jobId: string): Promise<number> {
    const [measuredMs, untilMs] = [3_000, Date.now() + 3_000];
    let polls = 0;
    const poller = async (at: number) => {
      for (; Date.now() < untilMs; polls += 1) await pair.pods[at % 2]!.jobs.get({ accountId, jobId });
    };
    await Promise.all(Array.from({ length: 16 }, (_, at) => poller(at)));
    return Math.round(polls / (measuredMs / 1_000));
  }
});

async function lastOf(updates: AsyncIterable<{ event: { case?: string; value?: unknown } }>): Promise<JobState | undefined> {
  let last: JobState | undefined;
  for await (const { event } of updates) if (event.case === 'job') last = (event.value as { state: JobState }).state;
  return last;
}
