import { Injectable } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobDeletedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { retryOnConflict } from '@tessera/documents/documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { hasEnded } from '@tessera/jobs/job-life.js';
import { lanes } from '@tessera/jobs/lanes.js';
import { queueKeyOf } from '@tessera/jobs/job.store.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import { invalidArgument } from '@tessera/platform/errors.js';
import { jobNotFound } from './errors.js';
import { ImageQueue } from './image-queue.js';
import { JobFeed } from './job-feed.js';
import type { ImageJob } from './job.documents.js';

/** Longer waits are cut: a proxy in between would give up first. */
const waitMsMax = 60_000;
const pageSizeDefault = 20;
const pageSizeMax = 100;
/** Pages are found by skipping; beyond this a client is crawling and should ask by id. */
const offsetMax = 10_000;
/** What became of so many jobs fits into one message many times over. */
const outcomesMax = 500;
/** Heads looked at for the oldest wait. */
const headsForWait = 16;

export type QueueReport = { readonly queued: number; readonly running: number; readonly ownQueued: number; readonly ownRunning: number; readonly oldestWaitMs: number };

const finalStates: ReadonlySet<JobState> = new Set([JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);

/** What an account may see of its jobs and do to them. Another account's job does not exist. */
@Injectable()
export class Jobs {
  constructor(
    private readonly queue: ImageQueue,
    private readonly feed: JobFeed,
    private readonly models: ModelRegistry,
  ) {}

  async get(accountId: string, jobId: string): Promise<ImageJob> {
    const job = await this.queue.store.get(jobId);
    if (job?.value.accountId !== accountId) throw jobNotFound();
    return job;
  }

  /** The job when it has ended, or as it stands after `waitMs` or when the signal aborts. */
  async await(accountId: string, jobId: string, waitMs: number, signal: AbortSignal): Promise<ImageJob> {
    const news = await this.feed.listen(jobId);
    // Not AbortSignal.timeout: it would stay until the time is over, a minute for each of the many waits that end in milliseconds.
    const patience = new AbortController();
    const lose = () => patience.abort();
    const timer = setTimeout(lose, Math.min(waitMs, waitMsMax));
    signal.addEventListener('abort', lose, { once: true });
    try {
      const job = await this.get(accountId, jobId);
      if (hasEnded(job.value.life) || signal.aborted) return job;
      for (let message = await news.next(patience.signal); message; message = await news.next(patience.signal)) {
        if (message.event.case === 'job' && finalStates.has(message.event.value.state)) break;
      }
      return await this.get(accountId, jobId);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', lose);
      news.close();
    }
  }

  /** Newest first. */
  async list(accountId: string, limit: number, offset: number): Promise<readonly ImageJob[]> {
    if (limit > pageSizeMax) throw invalidArgument('invalid_limit', `At most ${pageSizeMax} jobs at once.`, { param: 'limit' });
    if (offset > offsetMax) throw invalidArgument('invalid_offset', `At most ${offsetMax} jobs can be skipped.`, { param: 'offset' });
    return this.queue.store.newestOf(accountId, limit === 0 ? pageSizeDefault : limit, offset);
  }

  /** Whosever they are; unknown ones are left out. */
  async named(jobIds: readonly string[]): Promise<readonly ImageJob[]> {
    if (jobIds.length > outcomesMax) throw invalidArgument('too_many_ids', `At most ${outcomesMax} jobs at once.`, { param: 'job_ids' });
    return this.queue.store.getMany(jobIds);
  }

  /** Oldest first. */
  async page(accountId: string, pageToken: string): Promise<{ readonly jobs: readonly ImageJob[]; readonly next: string }> {
    const { items, next } = await this.queue.store.pageOf(accountId, outcomesMax, pageToken || undefined);
    return { jobs: items, next: next ?? '' };
  }

  /** A job that has ended stays as it is. The worker of a running one hears of it with its next heartbeat, and its lease is void at once. */
  cancel(accountId: string, jobId: string): Promise<ImageJob> {
    return retryOnConflict(async () => this.queue.jobs.cancel(await this.get(accountId, jobId)));
  }

  async delete(accountId: string, jobId: string): Promise<void> {
    await retryOnConflict(async () => {
      const job = await this.queue.jobs.cancel(await this.get(accountId, jobId));
      const deleted = { jobId, accountId, deletedMs: BigInt(this.queue.clock.now()) };
      await this.queue.store.commit([this.queue.store.removal(job)], [outgoingEvent(JobDeletedSchema, jobId, deleted)]);
    });
  }

  /** Jobs ahead of a queued one in its lane; a parked one stands behind all that workers see. */
  async positionOf({ value: { life, work } }: ImageJob): Promise<number> {
    if (life.state !== 'queued') return 0;
    return this.queue.store.countAhead(work.pool, life.lane, life.isParked ? Number.MAX_SAFE_INTEGER : life.tag);
  }

  async describeQueue(accountId: string): Promise<QueueReport> {
    const { store, jobs, clock } = this.queue;
    const places = this.models.pools.flatMap((pool) => lanes.map((lane) => ({ pool, lane })));
    const [waiting, holding, parked, own, ...heads] = await Promise.all([
      store.countQueued(places.map(({ pool, lane }) => queueKeyOf(pool, lane))),
      store.countHoldingSlots(),
      store.countParked(),
      jobs.loadOf(accountId),
      ...places.map(({ pool, lane }) => store.heads(pool, lane, headsForWait)),
    ]);
    const enqueuedMs = heads.flat().flatMap(({ value }) => (value.life.state === 'queued' ? [value.life.enqueuedMs] : []));
    return {
      queued: waiting + parked,
      running: Math.max(0, holding - waiting),
      ownQueued: own.waiting + own.parked,
      ownRunning: own.running,
      oldestWaitMs: enqueuedMs.length === 0 ? 0 : Math.max(0, clock.now() - Math.min(...enqueuedMs)),
    };
  }
}
