import { Inject, Injectable } from '@nestjs/common';
import { Documents } from '@tessera/documents/documents.js';
import { Claims } from '@tessera/jobs/claims.js';
import { JobQueue } from '@tessera/jobs/job-queue.js';
import { JobStore, type StoredJob } from '@tessera/jobs/job.store.js';
import { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { JobFeed } from './job-feed.js';
import { finishedEvent, jobCollectionName, type ImageJobPayload } from './job.documents.js';
import { PoolNews } from './pool-news.js';

/** The queue of image jobs: libs/jobs, given this service's collection, event and feed. */
@Injectable()
export class ImageQueue {
  readonly store: JobStore<ImageJobPayload>;
  readonly jobs: JobQueue<ImageJobPayload>;
  readonly claims: Claims<ImageJobPayload>;
  #onDue: (dueMs: number) => void = () => {};

  constructor(
    documents: Documents,
    readonly clock: Clock,
    @Inject(LOGGER) logger: Logger,
    private readonly feed: JobFeed,
    private readonly pools: PoolNews,
  ) {
    this.store = new JobStore<ImageJobPayload>(documents, jobCollectionName);
    this.jobs = new JobQueue({ store: this.store, clock, logger, finishedEvent, onChange: (job) => this.#changed(job), onDue: (dueMs) => this.#onDue(dueMs) });
    this.claims = new Claims(this.jobs);
  }

  /** Whoever sweeps learns of every job that becomes due at some time. */
  whenDue(listener: (dueMs: number) => void): void {
    this.#onDue = listener;
  }

  #changed(job: StoredJob<ImageJobPayload>): void {
    this.feed.stateChanged(job);
    if (job.value.life.state !== 'accepted') this.pools.changed(job.value.work.pool);
  }
}
