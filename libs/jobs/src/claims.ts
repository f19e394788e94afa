import { newId } from '@tessera/platform/ids.js';
import { firstRunnable, pickBatch, type Candidate, type WorkerCapacity } from './batching.js';
import type { Offer } from './hand-offs.js';
import type { JobQueue } from './job-queue.js';
import { attemptsThroughRestartsMax, type Queued } from './job-life.js';
import type { StoredJob } from './job.store.js';
import { lanes, type Lane } from './lanes.js';
import type { Pool } from './pools.js';
import { claimDuration } from './queue-metrics.js';

/** How long a worker may be silent before its jobs go to others, unless their kind says otherwise. */
export const leaseMsDefault = 30_000;
/** A lease is written anew only when this part of it is gone: heartbeats come far more often than that. */
const renewAfter = 1 / 3;
/** How often a waiting claim looks although nothing woke it: jobs that another process on the same store has queued announce themselves only there. */
const recheckMs = 1_000;
/** Heads read for each job that a worker can take: enough to find batch-mates, few enough to cost the same with a million queued. */
const headsPerJob = 3;
/** How often heads are read behind those that the worker cannot run: a bound on what a claim costs in a pool of mixed workers. */
const pagesMax = 16;
/** Races lost in a row before a claim answers with nothing; the worker asks again at once. */
const claimAttemptsMax = 8;
/** Above what any worker asks for, and a bound on one commit. */
const batchJobsMax = 64;

export type ClaimRequest = WorkerCapacity & { readonly workerId: string; readonly pool: string; readonly waitMs: number };
export type HeldLease = { readonly jobId: string; readonly leaseId: string };

const queuedLife = <P>(job: StoredJob<P>): Queued => {
  if (job.value.life.state !== 'queued') throw new Error(`Job ${job.id} stands in the queue's index but is ${job.value.life.state}`);
  return job.value.life;
};

const candidateOf = <P>(job: StoredJob<P>): Candidate => {
  const { tag, attempt } = queuedLife(job);
  const { kind, modelId, affinity, units } = job.value.work;
  return { kind, modelId, affinity, units, tag, attempt };
};

export const leaseMsOf = <P>({ value: { terms } }: StoredJob<P>): number => terms?.leaseMs ?? leaseMsDefault;

const isRaceLost = (error: unknown): boolean => (error as { reason?: string }).reason === 'revision_mismatch';

/** How workers come to their jobs. They pull; a claim that finds nothing waits until something is queued. */
export class Claims<P extends object> {
  /** Claims that are not answered yet, by worker. */
  readonly #pending = new Map<string, Set<Promise<unknown>>>();

  constructor(private readonly queue: JobQueue<P>) {}

  /** Jobs that can run as one batch, leased to the worker in one commit; none when `waitMs` is over or the signal aborts. */
  async claim(request: ClaimRequest, signal: AbortSignal): Promise<StoredJob<P>[]> {
    const { workerId } = request;
    const pending = this.#pending.get(workerId) ?? new Set();
    this.#pending.set(workerId, pending);
    const claiming = this.#claim(request, signal);
    pending.add(claiming);
    try {
      return await claiming;
    } finally {
      pending.delete(claiming);
      if (pending.size === 0) this.#pending.delete(workerId);
    }
  }

  async #claim(request: ClaimRequest, signal: AbortSignal): Promise<StoredJob<P>[]> {
    const { clock } = this.queue.options;
    const pool = await this.queue.pools.named(request.pool);
    const capacity = { ...request, jobsMax: Math.min(request.jobsMax, batchJobsMax) };
    const untilMs = clock.now() + request.waitMs;
    while (!signal.aborted) {
      const seen = pool.arrivalsCount;
      const claimed = await pool.inTurn(() => this.#tryClaim(pool, capacity));
      if (claimed.length > 0) return this.#unlessGone(claimed, signal);
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0) break;
      const offers = await this.queue.handOffs.wait(pool, capacity, seen, Math.min(leftMs, recheckMs), signal);
      const handedOff = offers.length === 0 ? [] : await pool.inTurn(() => this.#takeOffers(pool, capacity, offers, signal));
      if (handedOff.length > 0) return this.#unlessGone(handedOff, signal);
      if (pool.arrivalsCount === seen) for (const lane of lanes) pool.backlogged.add(lane);
    }
    return [];
  }

  /** Extends what is still held; answers the jobs that the worker must drop. */
  async renew(held: readonly HeldLease[]): Promise<{ renewed: StoredJob<P>[]; dropJobIds: string[] }> {
    const { store, clock } = this.queue.options;
    const jobs = new Map((await store.getMany(held.map(({ jobId }) => jobId))).map((job) => [job.id, job]));
    const renewed: StoredJob<P>[] = [];
    const dropJobIds: string[] = [];
    const aging: { job: StoredJob<P>; leaseId: string; expiresMs: number }[] = [];
    for (const { jobId, leaseId } of held) {
      const job = jobs.get(jobId);
      if (job?.value.life.state !== 'running' || job.value.life.lease.leaseId !== leaseId) dropJobIds.push(jobId);
      else if (job.value.life.lease.expiresMs - clock.now() > leaseMsOf(job) * (1 - renewAfter)) renewed.push(job);
      else aging.push({ job, leaseId, expiresMs: clock.now() + leaseMsOf(job) });
    }
    // One by one: a job that is being cancelled at this moment must not cost its batch-mates their leases. A lost race is settled by the next heartbeat.
    const outcomes = await Promise.allSettled(aging.map((job) => this.queue.renew([job])));
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') renewed.push(...outcome.value);
    return { renewed, dropJobIds };
  }

  /** Takes back at once all that a worker held that is known to be gone, instead of waiting for its leases to run out. Counts an attempt. */
  reclaim(workerId: string, pools: readonly string[]): Promise<number> {
    const failure = { reason: 'lease_lost', message: 'The process that worked on it ended, every time.' };
    return this.#takeBack(workerId, pools, (job) =>
      this.queue.requeueOrFail(job, failure, { countsAsAttempt: true, attemptsMax: attemptsThroughRestartsMax }),
    );
  }

  /** For a worker that ends in good order and holds nothing: what was leased to it while it hung up returns to the queue, and counts no attempt. */
  async deregister(workerId: string, pools: readonly string[]): Promise<number> {
    await Promise.allSettled(this.#pending.get(workerId) ?? []);
    return this.#takeBack(workerId, pools, (job) => this.#returnUnseen(job));
  }

  async #takeBack(workerId: string, pools: readonly string[], requeue: (job: StoredJob<P>) => Promise<unknown>): Promise<number> {
    const left: StoredJob<P>[] = [];
    for (const pool of pools) {
      for await (const job of this.queue.options.store.allRunning(pool))
        if (job.value.life.state === 'running' && job.value.life.lease.workerId === workerId) left.push(job);
    }
    for (const job of left) await requeue(job);
    return left.length;
  }

  async #tryClaim(pool: Pool, capacity: ClaimRequest): Promise<StoredJob<P>[]> {
    for (let attempt = 1; attempt <= claimAttemptsMax; attempt++) {
      const batch = await this.#pick(pool, capacity);
      if (batch.length === 0) return [];
      try {
        return await this.#lease(pool, capacity, batch);
      } catch (error) {
        // A job of the batch was cancelled, or another process was faster: look again.
        if (!isRaceLost(error)) throw error;
      }
    }
    return [];
  }

  /** From accepted to running in one commit. What does not fit this worker's batch, or loses a race, is queued by those who offered it. */
  async #takeOffers(pool: Pool, capacity: ClaimRequest, offers: readonly Offer<P>[], signal: AbortSignal): Promise<StoredJob<P>[]> {
    const byTag = offers.map(({ job }) => job).sort((a, b) => queuedLife(a).tag - queuedLife(b).tag);
    const heads = Map.groupBy(byTag, (job) => queuedLife(job).lane);
    const batch = signal.aborted ? [] : this.#batchOf(pool, capacity, heads, [...new Set([...pool.backlogged, ...heads.keys()])]);
    for (const { job, settle } of offers) if (!batch.includes(job)) settle(undefined);
    if (batch.length === 0) return [];
    const taken = offers.filter(({ job }) => batch.includes(job));
    try {
      const claimed = new Map((await this.#lease(pool, capacity, batch)).map((job) => [job.id, job]));
      for (const { job, settle } of taken) settle(claimed.get(job.id));
      return [...claimed.values()];
    } catch (error) {
      for (const { settle, reject } of taken) {
        if (isRaceLost(error)) settle(undefined);
        else reject(error);
      }
      return [];
    }
  }

  async #lease(pool: Pool, { workerId }: ClaimRequest, batch: readonly StoredJob<P>[]): Promise<StoredJob<P>[]> {
    const startedMs = performance.now();
    const nowMs = this.queue.options.clock.now();
    const claimed = await this.queue.claim(
      batch.map((job) => ({ job, lease: { leaseId: newId(), workerId, expiresMs: nowMs + leaseMsOf(job) } })),
    );
    claimDuration.observe((performance.now() - startedMs) / 1_000, { pool: pool.name });
    for (const job of batch) pool.fair.served(queuedLife(job).lane, queuedLife(job).tag, job.value.work.gpuSecondsEstimated);
    return claimed;
  }

  async #pick(pool: Pool, capacity: ClaimRequest): Promise<StoredJob<P>[]> {
    const seen = pool.arrivalsCount;
    const limit = Math.max(1, capacity.jobsMax) * headsPerJob;
    const known = [...pool.backlogged];
    const heads = new Map(await Promise.all(known.map(async (lane) => [lane, await this.#headsFor(pool, lane, limit, capacity)] as const)));
    const empty = known.filter((lane) => heads.get(lane)?.length === 0);
    if (pool.arrivalsCount === seen) for (const lane of empty) pool.backlogged.delete(lane);
    return this.#batchOf(
      pool,
      capacity,
      heads,
      known.filter((lane) => !empty.includes(lane)),
    );
  }

  /** The first of a lane; and, where this worker can run none of them because others of the pool run other kinds, the next ones, until there is one that it can. */
  async #headsFor(pool: Pool, lane: Lane, limit: number, capacity: ClaimRequest): Promise<readonly StoredJob<P>[]> {
    let first: readonly StoredJob<P>[] | undefined;
    let pages = 0;
    for await (const heads of this.queue.options.store.headPages(pool.name, lane, limit)) {
      first ??= heads;
      if (firstRunnable(heads, candidateOf, capacity)) return heads;
      if (++pages >= pagesMax) break;
    }
    return first ?? [];
  }

  #batchOf(
    pool: Pool,
    capacity: ClaimRequest,
    heads: ReadonlyMap<Lane, readonly StoredJob<P>[]>,
    backlogged: readonly Lane[],
  ): StoredJob<P>[] {
    const nowMs = this.queue.options.clock.now();
    for (const lane of pool.fair.order(backlogged)) {
      const startable = (heads.get(lane) ?? []).filter((job) => queuedLife(job).startDeadlineMs > nowMs);
      const batch = pickBatch(startable, candidateOf, capacity, ({ id }) => pool.overtaking.allows(id));
      const head = firstRunnable(startable, candidateOf, capacity);
      if (head && batch.length > 0 && !batch.includes(head))
        pool.overtaking.happened(
          head.id,
          batch.reduce((sum, { value }) => sum + value.work.gpuSecondsEstimated, 0),
        );
      for (const { id } of batch) pool.overtaking.served(id);
      if (batch.length > 0) return batch;
    }
    return [];
  }

  /** The worker hung up while its claim was being committed: nobody would ever work on these. */
  async #unlessGone(claimed: StoredJob<P>[], signal: AbortSignal): Promise<StoredJob<P>[]> {
    if (!signal.aborted) return claimed;
    for (const job of claimed) await this.#returnUnseen(job);
    return [];
  }

  async #returnUnseen(job: StoredJob<P>): Promise<void> {
    try {
      await this.queue.requeueOrFail(job, { reason: 'lease_lost', message: 'The worker hung up.' }, { countsAsAttempt: false });
    } catch (error) {
      // It was cancelled, or taken back already.
      if (!isRaceLost(error)) throw error;
    }
  }
}
