import { counter, distribution, gauge, latencyBuckets, waitBuckets } from '@tessera/platform/telemetry/metrics.js';
import { hasEnded, type JobLife } from './job-life.js';

const jobsEnded = counter({ name: 'tessera_jobs_ended_total', help: 'Jobs that came to an end, by how.', labelNames: ['pool', 'state'] });

const queueWait = distribution({ name: 'tessera_queue_wait_seconds', help: 'From queued to claimed.', labelNames: ['pool', 'lane'], buckets: waitBuckets });

export const claimDuration = distribution({
  name: 'tessera_claim_duration_seconds',
  help: 'Time to find, lease and commit jobs for a worker; without the time that it waited for any to come.',
  labelNames: ['pool'],
  buckets: latencyBuckets,
});

export const leasesLost = counter({ name: 'tessera_leases_lost_total', help: 'Jobs taken from a worker that was silent for too long or is gone.', labelNames: ['pool'] });

/** What a committed change of a job says about the queue. */
export function measureChange(pool: string, before: JobLife, now: JobLife): void {
  if (now.state === 'running' && before.state === 'queued') queueWait.observe(Math.max(0, now.startedMs - now.enqueuedMs) / 1_000, { pool, lane: now.lane });
  if (hasEnded(now)) jobsEnded.inc({ pool, state: now.state });
}

export type QueueFigures = { readonly lanes: Readonly<Record<string, number>>; readonly backlogGpuSeconds: number; readonly oldestWaitMs: number };

/** Asked for at a scrape, from the store: true for all processes together. When it fails the scrape lacks nothing else. */
export function observeQueue(pool: string, measure: () => Promise<QueueFigures>): void {
  let figures: Promise<QueueFigures | undefined> = Promise.resolve(undefined);
  gauge({ name: 'tessera_queue_jobs', help: 'Jobs that wait where workers see them.', labelNames: ['pool', 'lane'] }, async (jobs) => {
    figures = measure().catch(() => undefined);
    for (const [lane, waiting] of Object.entries((await figures)?.lanes ?? {})) jobs.set({ pool, lane }, waiting);
  });
  gauge({ name: 'tessera_queue_backlog_gpu_seconds', help: 'Estimated GPU time of the jobs that wait.', labelNames: ['pool'] }, async (backlog) => {
    const known = await figures;
    if (known) backlog.set({ pool }, known.backlogGpuSeconds);
  });
  gauge({ name: 'tessera_queue_oldest_wait_seconds', help: 'How long the job has waited that has waited longest; 0 when none waits.', labelNames: ['pool'] }, async (wait) => {
    const known = await figures;
    if (known) wait.set({ pool }, known.oldestWaitMs / 1_000);
  });
}
