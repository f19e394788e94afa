import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import type { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { AccountLoads, type AccountLoad, type LoadCounts, type LoadKey, type LoadSnapshot } from './account-loads.js';
import { GpuTime } from './gpu-time.js';
import { HandOffs } from './hand-offs.js';
import * as life from './job-life.js';
import type { JobFailure, JobLife } from './job-life.js';
import type { JobRecord, JobStore, StoredJob } from './job.store.js';
import type { Lane } from './lanes.js';
import { Parking } from './parking.js';
import { Pools, type Pool } from './pools.js';
import { leasesLost, measureChange } from './queue-metrics.js';

/** When a caller may try again whose queue is full: about the time of a few pictures. */
const queueFullRetryAfterMs = 5_000;

/** Parked jobs that are let go in one commit; what is left follows in the next. */
const unparkedAtOnceMax = 16;

export type QueueLimits = { /** 0 is unlimited, in both. */ readonly concurrentJobsMax: number; readonly queuedJobsMax: number };

/** A place for one job among those that its account may have waiting. Releasing it twice is harmless. */
export type AdmissionTicket = { release(): void };

export type QueuePlace<P> = {
  readonly lane: Lane;
  readonly startDeadlineMs: number;
  readonly concurrentJobsMax: number;
  readonly payload: P;
};

export type JobQueueOptions<P extends object> = {
  readonly store: JobStore<P>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The event that tells the world of an ended job; it lies in the commit that ended it. `hasHold`: tokens may have been held for it. */
  readonly finishedEvent: (job: StoredJob<P>, hasHold: boolean) => OutgoingEvent;
  /** Called after every commit that changed a job's state. */
  readonly onChange: (job: StoredJob<P>) => void;
  /** Called after every commit with the time by which a sweeper must look. */
  readonly onDue: (dueMs: number) => void;
  /** Other processes write to the same store: what this one remembers is then no ground to decide by. */
  readonly isShared: boolean;
};

type Change<P> = {
  readonly job: StoredJob<P>;
  readonly next: JobLife;
  readonly payload?: P;
  readonly hadNoHold?: boolean;
  /** Where the place that it takes is counted already. */ readonly countedIn?: AccountLoad;
};

/** Counting an account's load further changes no decision: no plan allows as many. */
const loadCountedMax = 10_000;

/**
 * Everything that may happen to a job between its acceptance and its end, each step one commit. Who wins a race is decided by the document's revision alone;
 * what this process keeps in memory (tags, counts) only decides order and limits, and is found again in the store after a restart.
 */
export class JobQueue<P extends object> {
  readonly pools: Pools;
  readonly handOffs = new HandOffs<P>();
  readonly gpuTime = new GpuTime();
  readonly parking: Parking;
  readonly #loads: AccountLoads;

  constructor(readonly options: JobQueueOptions<P>) {
    this.pools = new Pools(options.store, options.isShared ? options.clock : undefined);
    this.#loads = new AccountLoads((accountId) => this.#countLoad(accountId), options.isShared);
    this.parking = new Parking(options.store, options.logger, (accountId) => this.#unparkSome(accountId));
  }

  async loadOf(accountId: string): Promise<LoadSnapshot> {
    return (await this.#loads.of(accountId)).snapshot();
  }

  /** Keeps a place for one more job of the account, or refuses with ResourceExhausted `queue_full`. `enqueue` uses the ticket; else it is to be released. */
  async admit(accountId: string, { concurrentJobsMax, queuedJobsMax }: QueueLimits): Promise<AdmissionTicket> {
    const load = await (queuedJobsMax > 0 ? this.#loads.of(accountId) : this.#loads.toNote(accountId));
    requireAllowed('waiting_jobs', {
      concurrentJobsMax,
      queuedJobsMax,
      waiting: load.admitted + load.waiting + load.parked,
      running: load.running,
      retryAfterMs: queueFullRetryAfterMs,
    });
    load.admitted += 1;
    let isKept = true;
    const release = () => {
      if (isKept) load.admitted -= 1;
      isKept = false;
    };
    return { release };
  }

  /** Throws Conflict `already_exists` when the job id is taken. */
  async accept(jobId: string, record: JobRecord<P>): Promise<StoredJob<P>> {
    const { store } = this.options;
    await store.commit([store.insertion(jobId, record)]);
    const stored = { id: jobId, revision: 1, value: record };
    this.#announce(stored, undefined);
    return stored;
  }

  /** Queued or parked; or running at once, when a worker waits for just such a job. */
  async enqueue(job: StoredJob<P>, place: QueuePlace<P>, ticket?: AdmissionTicket): Promise<StoredJob<P>> {
    const { accountId, work } = job.value;
    const pool = await this.pools.upToDate(work.pool);
    const load = await (place.concurrentJobsMax > 0 ? this.#loads.of(accountId) : this.#loads.toNote(accountId));
    const isParked = place.concurrentJobsMax > 0 && load.waiting + load.running >= place.concurrentJobsMax;
    const tag = isParked ? 0 : pool.fair.tag(place.lane, accountId, work.gpuSecondsEstimated);
    const { lane, startDeadlineMs, concurrentJobsMax, payload } = place;
    const next = life.enqueue(job.value.life, {
      lane,
      tag,
      isParked,
      startDeadlineMs,
      concurrentJobsMax,
      enqueuedMs: this.options.clock.now(),
    });
    // Counted at once, before anything else can look: two that decide side by side must not both take the last place.
    load.begin(loadKeyOf(next));
    ticket?.release();
    const handedOff = isParked ? undefined : await this.#handOff(pool, load, { ...job, value: { ...job.value, life: next, payload } });
    if (handedOff) return handedOff;
    const queued = await this.#change({ job, next, payload, countedIn: load });
    // A place may have become free while the parked job was on its way to the store.
    if (isParked) this.parking.lookLater(accountId);
    return queued;
  }

  /** Ends a job that was never queued. */
  reject(job: StoredJob<P>, failure: JobFailure, hadNoHold: boolean): Promise<StoredJob<P>> {
    return this.#change({ job, next: life.reject(job.value.life, failure, this.options.clock.now()), hadNoHold });
  }

  /** Removes a job that was refused, as if it had never been. Tokens that may have been held for it go back. */
  async withdraw(job: StoredJob<P>, failure: JobFailure, hadNoHold: boolean): Promise<void> {
    const { store, clock, finishedEvent } = this.options;
    const rejected = { ...job, value: { ...job.value, life: life.reject(job.value.life, failure, clock.now()) } };
    await store.commit([store.removal(job)], hadNoHold ? [] : [finishedEvent(rejected, true)]);
  }

  /** One commit for all: a batch is claimed whole or not at all. */
  async claim(jobs: readonly { job: StoredJob<P>; lease: life.Lease }[]): Promise<StoredJob<P>[]> {
    const nowMs = this.options.clock.now();
    return this.#changeAll(jobs.map(({ job, lease }) => ({ job, next: life.claim(job.value.life, lease, nowMs) })));
  }

  async renew(jobs: readonly { job: StoredJob<P>; leaseId: string; expiresMs: number }[]): Promise<StoredJob<P>[]> {
    return this.#changeAll(jobs.map(({ job, leaseId, expiresMs }) => ({ job, next: life.renew(job.value.life, leaseId, expiresMs) })));
  }

  /** Keeps something with a running job; its life goes on as it was. */
  note(job: StoredJob<P>, payload: P): Promise<StoredJob<P>> {
    return this.#change({ job, next: job.value.life, payload });
  }

  async succeed(job: StoredJob<P>, leaseId: string, gpuSeconds: number, payload: P): Promise<StoredJob<P>> {
    const ended = await this.#change({ job, next: life.succeed(job.value.life, leaseId, this.options.clock.now(), gpuSeconds), payload });
    this.gpuTime.learn(job.value.work, gpuSeconds);
    return ended;
  }

  fail(job: StoredJob<P>, failure: JobFailure, gpuSeconds: number): Promise<StoredJob<P>> {
    return this.#change({ job, next: life.fail(job.value.life, failure, this.options.clock.now(), gpuSeconds) });
  }

  /** Back to the front of its lane; after the last attempt it fails with `failure` instead. */
  requeueOrFail(
    job: StoredJob<P>,
    failure: JobFailure,
    { countsAsAttempt, attemptsMax = job.value.terms?.attemptsMax ?? life.attemptsMax }: { countsAsAttempt: boolean; attemptsMax?: number },
  ): Promise<StoredJob<P>> {
    const current = job.value.life;
    if (failure.reason === 'lease_lost' && countsAsAttempt) leasesLost.inc({ pool: job.value.work.pool });
    if (current.state === 'running' && countsAsAttempt && !life.hasAttemptsLeft(current, attemptsMax)) return this.fail(job, failure, 0);
    return this.#change({ job, next: life.requeue(current, { countsAsAttempt }) });
  }

  expire(job: StoredJob<P>): Promise<StoredJob<P>> {
    return this.#change({ job, next: life.expire(job.value.life, this.options.clock.now()) });
  }

  /** A job that has ended stays as it is. */
  async cancel(job: StoredJob<P>): Promise<StoredJob<P>> {
    if (life.hasEnded(job.value.life)) return job;
    return this.#change({ job, next: life.cancel(job.value.life, this.options.clock.now()) });
  }

  async #handOff(pool: Pool, load: AccountLoad, job: StoredJob<P>): Promise<StoredJob<P> | undefined> {
    const key = loadKeyOf(job.value.life);
    try {
      const claimed = await this.handOffs.offer(pool, job);
      if (claimed) load.skipped(key);
      return claimed;
    } catch (error) {
      load.abandon(key);
      throw error;
    }
  }

  async #change(change: Change<P>): Promise<StoredJob<P>> {
    const [stored] = await this.#changeAll([change]);
    if (!stored) throw new Error('A change of one job answers one job');
    return stored;
  }

  async #changeAll(changes: readonly Change<P>[]): Promise<StoredJob<P>[]> {
    const { store, isShared } = this.options;
    const planned = await this.#plan(changes);
    // What a job takes is counted before the commit and what it leaves after it, so that in between the account seems to have too many jobs, never too few.
    for (const { load, stored, isCounted } of planned) if (!isCounted) load.begin(loadKeyOf(stored.value.life));
    try {
      await store.commit(
        planned.map(({ write }) => write),
        planned.flatMap(({ events }) => events),
      );
    } catch (error) {
      for (const { load, stored } of planned) load.abandon(loadKeyOf(stored.value.life));
      if (!(error instanceof TesseraError && error.kind === 'Conflict'))
        for (const { stored } of planned) this.#loads.forget(stored.value.accountId);
      throw error;
    }
    for (const { load, before, stored, pool } of planned) {
      load.commit(loadKeyOf(stored.value.life), loadKeyOf(before));
      if (life.hasEnded(stored.value.life)) this.#account(pool, before, stored);
      measureChange(pool.name, before, stored.value.life);
      this.#announce(stored, before);
      const { life: now, accountId } = stored.value;
      if (now.state === 'queued' && !now.isParked) pool.arrived(now.lane);
      const mayHaveParked = isShared ? limitOf(before) > 0 : load.parked > 0;
      if (life.hasEnded(now) && mayHaveParked) this.parking.lookLater(accountId);
    }
    return planned.map(({ stored }) => stored);
  }

  async #plan(changes: readonly Change<P>[]) {
    const { store, clock, finishedEvent } = this.options;
    try {
      return await Promise.all(
        changes.map(async ({ job, next, payload, hadNoHold, countedIn }) => {
          const changedMs = next.state === job.value.life.state ? job.value.changedMs : clock.now();
          const { write, stored } = store.change(job, { ...job.value, life: next, changedMs, payload: payload ?? job.value.payload });
          const events = life.hasEnded(next) ? [finishedEvent(stored, hadNoHold !== true)] : [];
          const pool = await this.pools.named(job.value.work.pool);
          const load = countedIn ?? (await this.#loads.toNote(job.value.accountId));
          return { write, stored, events, pool, load, isCounted: countedIn !== undefined, before: job.value.life };
        }),
      );
    } catch (error) {
      for (const { countedIn, next } of changes) countedIn?.abandon(loadKeyOf(next));
      throw error;
    }
  }

  /** Fair queueing pays what was used: measured for a job that ran to its end, nothing for one that never ran, the estimate for one that was stopped on its way. */
  #account(pool: Pool, before: JobLife, { value }: StoredJob<P>): void {
    const estimated = value.work.gpuSecondsEstimated;
    const ended = value.life;
    if (before.state === 'queued' && !before.isParked) pool.fair.withdrawn(before.lane, value.accountId, estimated);
    if (before.state === 'running' && ended.state === 'succeeded')
      pool.fair.measured(before.lane, value.accountId, estimated, ended.gpuSeconds);
  }

  #announce(job: StoredJob<P>, before: JobLife | undefined): void {
    const { life: now } = job.value;
    if (now.state === 'accepted') this.options.onDue(now.resumeMs);
    if (now.state === 'queued') this.options.onDue(now.startDeadlineMs);
    if (now.state === 'running') this.options.onDue(now.lease.expiresMs);
    // A renewed lease is nobody's news.
    if (before?.state !== now.state || now.state === 'queued') this.options.onChange(job);
  }

  /** Fills the free places of an account, in one commit; answers whether there may be more to do. */
  async #unparkSome(accountId: string): Promise<boolean> {
    const load = await this.#loads.of(accountId);
    const parked = load.parked > 0 ? await this.options.store.firstParked(accountId, unparkedAtOnceMax) : [];
    const pools = await Promise.all(parked.map(({ value }) => this.pools.upToDate(value.work.pool)));
    const changes: Change<P>[] = [];
    // Nothing is awaited between looking for a free place and taking it.
    for (const [index, job] of parked.entries()) {
      const { life: now, work } = job.value;
      if (now.state !== 'queued' || (now.concurrentJobsMax > 0 && load.waiting + load.running >= now.concurrentJobsMax)) break;
      const next = life.unpark(now, pools[index]!.fair.tag(now.lane, accountId, work.gpuSecondsEstimated));
      load.begin(loadKeyOf(next));
      changes.push({ job, next, countedIn: load });
    }
    if (changes.length > 0) await this.#changeAll(changes);
    return changes.length > 0;
  }

  /** The account's newest queued job tells where its next one stands in fair queueing, whichever process queued it. */
  async #countLoad(accountId: string): Promise<LoadCounts> {
    const { lastWaiting, waiting, running, parked } = await this.options.store.loadOf(accountId, loadCountedMax);
    if (lastWaiting?.value.life.state === 'queued') {
      const { work, life: last } = lastWaiting.value;
      const pool = await this.pools.named(work.pool);
      pool.fair.resumeAccount(last.lane, accountId, last.tag, work.gpuSecondsEstimated);
    }
    return { waiting, running, parked };
  }
}

function loadKeyOf(state: JobLife): LoadKey | undefined {
  if (state.state === 'queued') return state.isParked ? 'parked' : 'waiting';
  return state.state === 'running' ? 'running' : undefined;
}

const limitOf = (state: JobLife): number => ('concurrentJobsMax' in state ? state.concurrentJobsMax : 0);
