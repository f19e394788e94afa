import { canRun, type WorkerCapacity } from './batching.js';
import type { StoredJob } from './job.store.js';
import type { Pool } from './pools.js';

/** A job about to be queued, as it would stand there. `settle` answers whoever queues it: the job as a claim took it, or nothing when it must be queued after all. */
export type Offer<P> = {
  readonly job: StoredJob<P>;
  readonly settle: (claimed: StoredJob<P> | undefined) => void;
  readonly reject: (error: unknown) => void;
};

type Claimant<P> = {
  readonly capacity: WorkerCapacity;
  readonly seenCount: number;
  readonly offers: Offer<P>[];
  readonly wake: () => void;
};

/**
 * Brings a job to a claim that already waits for it, so that it need not be written as queued only to be claimed a moment later. Whoever waits has looked and found
 * nothing that it could run, so nothing is overtaken: as soon as something it has not looked at arrives in the queue, it is offered nothing more.
 */
export class HandOffs<P extends object> {
  /** As many as there are claims waiting, each of them a call in hand; whoever came first is served first. */
  readonly #waiting = new Map<Pool, Set<Claimant<P>>>();

  /** Waits like `Pool.waitForArrival`, and answers what was offered meanwhile. Every offer must be settled or rejected. */
  async wait(
    pool: Pool,
    capacity: WorkerCapacity,
    seenCount: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<readonly Offer<P>[]> {
    const offers: Offer<P>[] = [];
    const waiting = this.#waiting.get(pool) ?? new Set();
    this.#waiting.set(pool, waiting);
    let claimant: Claimant<P> | undefined;
    await pool.waitForArrival(seenCount, timeoutMs, signal, (wake) => {
      claimant = { capacity, seenCount, offers, wake };
      waiting.add(claimant);
    });
    if (claimant) waiting.delete(claimant);
    return offers;
  }

  /** The job as claimed, or nothing when nobody waits for it. */
  async offer(pool: Pool, job: StoredJob<P>): Promise<StoredJob<P> | undefined> {
    const claimant = this.#claimantFor(pool, job);
    if (!claimant) return undefined;
    return new Promise((settle, reject) => {
      claimant.offers.push({ job, settle, reject });
      claimant.wake();
    });
  }

  /** A claimant takes more offers until it comes to act: those that arrive together are painted together. */
  #claimantFor(pool: Pool, { value: { work } }: StoredJob<P>): Claimant<P> | undefined {
    for (const claimant of this.#waiting.get(pool) ?? []) {
      const { capacity, seenCount, offers } = claimant;
      if (seenCount === pool.arrivalsCount && offers.length < capacity.jobsMax && canRun(capacity, work)) return claimant;
    }
    return undefined;
  }
}
