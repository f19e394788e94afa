import { Injectable } from '@nestjs/common';
import { retryOnConflict } from '@tessera/documents/documents.js';
import { hasEnded } from '@tessera/jobs/job-life.js';
import { lanes } from '@tessera/jobs/lanes.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { jobNotFound } from '../errors.js';
import { gap } from '../watch/job-updates.js';
import { JobFeed } from '../watch/job-feed.js';
import { DeletedKeys } from './deleted-keys.js';
import { deletedEvent } from './job-messages.js';
import type { Job } from './job-record.js';
import { Queue } from './queue.js';

/** Longer waits are cut; a proxy in between would give up first. */
const waitMsMax = 60_000;
const pageSizeDefault = 20;
const pageSizeMax = 100;
/** Skipping costs what is skipped; beyond this a client is crawling and should go on by page token. */
const offsetMax = 10_000;
/** Jobs read in search of those of one kind before an answer gives what it has found; the page token goes on from there. */
const readPerPageMax = 1_000;
/** What became of so many jobs fits into one message many times over. */
const outcomesMax = 500;
/** Heads looked at for the oldest wait. */
const headsForWait = 16;
/** A position further back tells nobody more, and counting it would cost the more the longer the queue is. */
const positionMax = 1_000;
/** The same for the length of a lane. */
const laneCountMax = 10_000;

export type ListRequest = {
  readonly accountId: string;
  readonly limit: number;
  readonly offset: number;
  readonly pageToken: string;
  readonly kind: string;
};
export type JobPage = { readonly jobs: readonly Job[]; readonly next: string };
export type QueueReport = {
  readonly queued: number;
  readonly running: number;
  readonly ownQueued: number;
  readonly ownRunning: number;
  readonly oldestWaitMs: number;
};

/** What an account may see of its jobs and do to them. Another account's job does not exist. */
@Injectable()
export class Jobs {
  constructor(
    private readonly queue: Queue,
    private readonly feed: JobFeed,
    private readonly deletedKeys: DeletedKeys,
  ) {}

  async get(accountId: string, jobId: string): Promise<Job> {
    const job = await this.queue.store.get(jobId);
    if (job?.value.accountId !== accountId) throw jobNotFound();
    return job;
  }

  /** The job when it has ended, or as it stands after `waitMs` or when the signal aborts. */
  async await(accountId: string, jobId: string, waitMs: number, signal: AbortSignal): Promise<Job> {
    const updates = await this.feed.listen(jobId);
    // Not AbortSignal.timeout: it would stay until the time is over, a minute for each of the many waits that end in milliseconds.
    const patience = new AbortController();
    const abort = () => patience.abort();
    const timer = setTimeout(abort, Math.min(waitMs, waitMsMax));
    signal.addEventListener('abort', abort, { once: true });
    try {
      const job = await this.get(accountId, jobId);
      if (hasEnded(job.value.life) || signal.aborted) return job;
      for (let update = await updates.next(patience.signal); update; update = await updates.next(patience.signal)) {
        if (update === gap ? hasEnded((await this.get(accountId, jobId)).value.life) : update.isFinal) break;
      }
      return await this.get(accountId, jobId);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      updates.close();
    }
  }

  /** Newest first. */
  async list({ accountId, limit, offset, pageToken, kind }: ListRequest): Promise<JobPage> {
    if (limit > pageSizeMax) throw invalidArgument('invalid_limit', `At most ${pageSizeMax} jobs at once.`, { param: 'limit' });
    if (offset > offsetMax)
      throw invalidArgument('invalid_offset', `At most ${offsetMax} jobs can be skipped; page tokens go further.`, { param: 'offset' });
    if (offset > 0 && pageToken !== '')
      throw invalidArgument('invalid_offset', 'A page token says already where to go on.', { param: 'offset' });
    const size = limit === 0 ? pageSizeDefault : limit;
    const jobs: Job[] = [];
    let from: { offset: number } | { after: string } | Record<never, never> =
      pageToken === '' ? (offset === 0 ? {} : { offset }) : { after: pageToken };
    for (let read = 0; read < readPerPageMax; read += size) {
      const { items, next = '' } = await this.queue.store.newestOf(accountId, size - jobs.length, from);
      jobs.push(...items.filter(({ value }) => kind === '' || value.work.kind === kind));
      if (jobs.length === size || next === '') return { jobs, next };
      from = { after: next };
    }
    return { jobs, next: 'after' in from ? from.after : '' };
  }

  /** Whosever they are; unknown ones are left out. */
  async named(jobIds: readonly string[]): Promise<readonly Job[]> {
    if (jobIds.length > outcomesMax) throw invalidArgument('too_many_ids', `At most ${outcomesMax} jobs at once.`, { param: 'job_ids' });
    return this.queue.store.getMany(jobIds);
  }

  /** Oldest first. */
  async page(accountId: string, pageToken: string): Promise<JobPage> {
    const { items, next } = await this.queue.store.pageOf(accountId, outcomesMax, pageToken || undefined);
    return { jobs: items, next: next ?? '' };
  }

  /** A job that has ended stays as it is. The worker of a running one is told with its next heartbeat, and its lease is void at once. */
  cancel(accountId: string, jobId: string): Promise<Job> {
    return retryOnConflict(async () => this.queue.jobs.cancel(await this.get(accountId, jobId)));
  }

  async delete(accountId: string, jobId: string): Promise<void> {
    const deleted = await retryOnConflict(async () => {
      const job = await this.queue.jobs.cancel(await this.get(accountId, jobId));
      const noted = job.value.payload.hasKey ? [this.deletedKeys.note(jobId)] : [];
      await this.queue.store.commit([this.queue.store.removal(job), ...noted], [deletedEvent(job, this.queue.clock.now())]);
      return job;
    });
    this.feed.removed(deleted);
  }

  /** Jobs ahead of a queued one in its lane, counted up to a bound; a parked one stands behind all that workers see. */
  async positionOf({ value: { life, work } }: Job): Promise<number> {
    if (life.state !== 'queued') return 0;
    return this.queue.store.countAhead(work.pool, life.lane, life.isParked ? Number.MAX_SAFE_INTEGER : life.tag, positionMax);
  }

  async describeQueue(accountId: string): Promise<QueueReport> {
    const { store, jobs, clock, pools } = this.queue;
    const places = pools.flatMap((pool) => lanes.map((lane) => ({ pool, lane })));
    const [parked, own, running, waiting, heads] = await Promise.all([
      store.countParked(laneCountMax),
      jobs.loadOf(accountId),
      Promise.all(pools.map((pool) => store.countInLane(pool, 'running', laneCountMax))),
      Promise.all(places.map(({ pool, lane }) => store.countInLane(pool, lane, laneCountMax))),
      Promise.all(places.map(({ pool, lane }) => store.heads(pool, lane, headsForWait))),
    ]);
    const enqueuedMs = heads.flat().flatMap(({ value }) => (value.life.state === 'queued' ? [value.life.enqueuedMs] : []));
    return {
      queued: sum(waiting) + parked,
      running: sum(running),
      ownQueued: own.waiting + own.parked,
      ownRunning: own.running,
      oldestWaitMs: enqueuedMs.length === 0 ? 0 : Math.max(0, clock.now() - Math.min(...enqueuedMs)),
    };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
