import { counter, distribution, gauge, latencyBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';
import type { Backlog } from './backlog.js';
import { hasEnded, type JobLife } from './job-life.js';

const jobsEnded = counter({ name: 'tessera_jobs_ended_total', help: 'Jobs that came to an end, by how.', labelNames: ['pool', 'state'] });

const queueWait = distribution({
  name: 'tessera_queue_wait_seconds',
  help: 'From queued to claimed.',
  labelNames: ['pool', 'lane'],
  buckets: waitBuckets,
});

export const claimDuration = distribution({
  name: 'tessera_claim_duration_seconds',
  help: 'Time to find, lease and commit jobs for a worker; without the time that it waited for any to come.',
  labelNames: ['pool'],
  buckets: latencyBuckets,
});

export const leasesLost = counter({
  name: 'tessera_leases_lost_total',
  help: 'Jobs taken from a worker that was silent for too long or is gone.',
  labelNames: ['pool'],
});

/** What a committed change of a job says about the queue. */
export function measureChange(pool: string, before: JobLife, now: JobLife): void {
  if (now.state === 'running' && before.state === 'queued')
    queueWait.observe(Math.max(0, now.startedMs - now.enqueuedMs) / 1_000, { pool, lane: now.lane });
  if (hasEnded(now)) jobsEnded.inc({ pool, state: now.state });
}

/** Asked for at a scrape, from the store: true for all processes together. When it fails the scrape lacks nothing else. */
export function observeQueue(pools: readonly string[], measure: (pool: string) => Promise<Backlog>): void {
  let measured: Promise<readonly (readonly [pool: string, backlog: Backlog])[]> = Promise.resolve([]);
  gauge({ name: 'tessera_queue_jobs', help: 'Jobs that wait where workers see them.', labelNames: ['pool', 'lane'] }, async (jobs) => {
    measured = Promise.all(pools.map(async (pool) => [pool, await measure(pool)] as const)).catch(() => []);
    for (const [pool, { queuedJobs }] of await measured)
      for (const [lane, waiting] of Object.entries(queuedJobs)) jobs.set({ pool, lane }, waiting);
  });
  gauge(
    { name: 'tessera_queue_backlog_gpu_seconds', help: 'Estimated GPU time of the jobs that wait.', labelNames: ['pool'] },
    async (backlog) => {
      for (const [pool, { queuedGpuSeconds }] of await measured) backlog.set({ pool }, queuedGpuSeconds);
    },
  );
  gauge(
    {
      name: 'tessera_queue_oldest_wait_seconds',
      help: 'How long the job has waited that has waited longest; 0 when none waits.',
      labelNames: ['pool'],
    },
    async (wait) => {
      for (const [pool, { oldestWaitMs }] of await measured) wait.set({ pool }, oldestWaitMs / 1_000);
    },
  );
}
