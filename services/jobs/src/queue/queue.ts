import { Inject, Injectable } from '@nestjs/common';
import { Documents } from '@tessera/documents/documents.js';
import { Claims } from '@tessera/jobs/claims.js';
import { JobQueue } from '@tessera/jobs/job-queue.js';
import { JobStore } from '@tessera/jobs/job.store.js';
import { defaultPool } from '@tessera/models/model-registry.js';
import { Clock } from '@tessera/platform/clock.js';
import { Config } from '@tessera/platform/config.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { PoolSignals } from '../scaling/pool-signals.js';
import { JobFeed } from '../watch/job-feed.js';
import { finishedEvent } from './job-messages.js';
import { jobCollectionVersion, jobMigrations } from './job-migrations.js';
import { jobCollectionName, type Job, type JobPayload } from './job-record.js';

/** The queue of all jobs: libs/jobs, given this service's collection, event and feed. */
@Injectable()
export class Queue {
  readonly store: JobStore<JobPayload>;
  readonly jobs: JobQueue<JobPayload>;
  readonly claims: Claims<JobPayload>;
  /** Those that this installation may have workers for. */
  readonly pools: readonly string[];
  /** Other processes of this service work on the same store. */
  readonly isShared: boolean;
  #onDue: (dueMs: number) => void = () => {};

  constructor(
    documents: Documents,
    readonly clock: Clock,
    @Inject(Config) config: Config,
    @Inject(LOGGER) logger: Logger,
    private readonly feed: JobFeed,
    private readonly signals: PoolSignals,
  ) {
    this.isShared = config.profile === 'cluster';
    this.pools = [...new Set([defaultPool, ...Object.values(config.modelPools)])];
    this.store = new JobStore<JobPayload>(documents, { name: jobCollectionName, version: jobCollectionVersion, migrations: jobMigrations });
    this.jobs = new JobQueue({
      store: this.store,
      clock,
      logger,
      finishedEvent,
      isShared: this.isShared,
      onChange: (job) => this.#changed(job),
      onDue: (dueMs) => this.#onDue(dueMs),
    });
    this.claims = new Claims(this.jobs);
  }

  /** Whoever sweeps learns of every job that becomes due at some time. */
  whenDue(listener: (dueMs: number) => void): void {
    this.#onDue = listener;
  }

  #changed(job: Job): void {
    this.feed.stateChanged(job);
    if (job.value.life.state !== 'accepted') this.signals.changed(job.value.work.pool);
  }
}
