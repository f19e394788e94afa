import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as life from './job-life.js';
import type { JobLife } from './job-life.js';

const place = { lane: 'fast', tag: 3, isParked: false, enqueuedMs: 10, startDeadlineMs: 1_000, concurrentJobsMax: 2 } as const;
const lease = { leaseId: 'lease-1', workerId: 'worker', expiresMs: 500 };
const accepted: JobLife = { state: 'accepted', resumeMs: 5 };
const queued = life.enqueue(accepted, place);
const running = life.claim(queued, lease, 20);

/** Every step by name; each throws when the state does not allow it. */
const steps: Record<string, (job: JobLife) => JobLife> = {
  enqueue: (job) => life.enqueue(job, place),
  park: (job) => life.enqueue(job, { ...place, isParked: true }),
  unpark: (job) => life.unpark(job, 7),
  claim: (job) => life.claim(job, lease, 20),
  renew: (job) => life.renew(job, lease.leaseId, 900),
  requeue: (job) => life.requeue(job, { countsAsAttempt: true }),
  succeed: (job) => life.succeed(job, lease.leaseId, 30, 1),
  fail: (job) => life.fail(job, { reason: 'engine_error', message: '' }, 30, 1),
  cancel: (job) => life.cancel(job, 30),
  expire: (job) => life.expire(job, 30),
  reject: (job) => life.reject(job, { reason: 'insufficient_tokens', message: '' }, 30),
};

const legal: Record<JobLife['state'], readonly JobLife['state'][]> = {
  accepted: ['queued', 'rejected', 'cancelled'],
  queued: ['queued', 'running', 'cancelled', 'expired'],
  running: ['running', 'queued', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
  expired: [],
  rejected: [],
};

describe('the life of a job', () => {
  it('takes only legal steps, whatever is tried in whatever order, and none after its end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.keys(steps)), { maxLength: 30 }), (names) => {
        let job: JobLife = accepted;
        for (const name of names) {
          try {
            const next = steps[name]!(job);
            expect(legal[job.state]).toContain(next.state);
            job = next;
          } catch (error) {
            expect(['illegal_transition', 'lease_lost']).toContain((error as { reason?: string }).reason);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('goes to the front of its lane with the next attempt when its lease is lost', () => {
    expect(life.requeue(running, { countsAsAttempt: true })).toMatchObject({ state: 'queued', tag: 0, attempt: 2, isParked: false });
  });

  it('does not lose an attempt when a worker hands it back', () => {
    expect(life.requeue(running, { countsAsAttempt: false }).attempt).toBe(1);
  });

  it('has three attempts', () => {
    let job = running;
    expect(life.hasAttemptsLeft(job)).toBe(true);
    for (const _ of [2, 3]) job = life.claim(life.requeue(job, { countsAsAttempt: true }), lease, 20);
    expect(job.attempt).toBe(3);
    expect(life.hasAttemptsLeft(job)).toBe(false);
  });

  it('refuses what comes with another lease', () => {
    expect(() => life.succeed(running, 'lease-2', 30, 1)).toThrow(expect.objectContaining({ reason: 'lease_lost' }));
    expect(() => life.renew(running, 'lease-2', 900)).toThrow(expect.objectContaining({ reason: 'lease_lost' }));
  });

  it('cannot be claimed while it is parked', () => {
    expect(() => life.claim(life.enqueue(accepted, { ...place, isParked: true }), lease, 20)).toThrow(
      expect.objectContaining({ reason: 'illegal_transition' }),
    );
  });
});
