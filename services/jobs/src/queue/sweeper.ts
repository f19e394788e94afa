import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DueSweeper } from '@tessera/jobs/due-sweeper.js';
import { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { resumeAfterMs, Submissions } from '../submission/submissions.js';
import type { JobPayload } from './job-record.js';
import { Queue } from './queue.js';

/** How long a parked job may stay so although there is a place for it: another process may have freed the place and ended before it could fill it. One read of an index. */
const parkedLookMs = 5_000;
/** How late what another process has left between two steps may be noticed, beyond the time when it is due. One read of an index. */
const dueLookMs = 2_000;

/** Finishes what a crash left between two steps, and ends what nobody else will. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  readonly due: DueSweeper<JobPayload>;
  #takingOver: Promise<void> = Promise.resolve();
  #lookingAtParked: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: Queue,
    submissions: Submissions,
    clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.due = new DueSweeper(
      queue.store,
      queue.jobs,
      clock,
      logger,
      (job) => submissions.resume(job),
      queue.isShared ? dueLookMs : undefined,
    );
    queue.whenDue((dueMs) => this.due.note(dueMs));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.queue.jobs.parking.lookAtAll();
    await this.due.start();
    // Not awaited: billing may be a process that starts after this one.
    this.#takingOver = this.due
      .takeOverAccepted(resumeAfterMs)
      .catch((error: unknown) => this.logger.error({ err: error }, 'jobs left accepted are taken on when they are due'));
    // A process that is alone knows of every place that becomes free.
    if (this.queue.isShared) this.#lookAtParkedLater();
  }

  async onModuleDestroy(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#lookingAtParked;
    clearTimeout(this.#timer);
    await this.#takingOver;
    await this.due.stop();
    await this.queue.jobs.parking.settle();
  }

  #lookAtParkedLater(): void {
    this.#timer = setTimeout(() => {
      this.#lookingAtParked = this.queue.jobs.parking
        .lookAtAll()
        .catch((error: unknown) => this.logger.error({ err: error }, 'parked jobs could not be looked at; it is tried again'))
        .finally(() => this.#lookAtParkedLater());
    }, parkedLookMs).unref();
  }
}
