import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DueSweeper } from '@tessera/jobs/due-sweeper.js';
import { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { ImageQueue } from './image-queue.js';
import type { ImageJobPayload } from './job.documents.js';
import { resumeAfterMs, Submissions } from './submissions.js';

/** Finishes what a crash left between two steps, and ends what nobody else will. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  readonly due: DueSweeper<ImageJobPayload>;
  #takingOver: Promise<void> = Promise.resolve();

  constructor(
    private readonly queue: ImageQueue,
    submissions: Submissions,
    clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.due = new DueSweeper(queue.store, queue.jobs, clock, logger, (job) => submissions.resume(job));
    queue.whenDue((dueMs) => this.due.note(dueMs));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.queue.jobs.unparkAll();
    await this.due.start();
    // Not awaited: billing may be a process that starts after this one.
    this.#takingOver = this.due.takeOverAccepted(resumeAfterMs).catch((error: unknown) => this.logger.error({ err: error }, 'jobs left accepted are taken on when they are due'));
  }

  async onModuleDestroy(): Promise<void> {
    await this.#takingOver;
    await this.due.stop();
    await this.queue.jobs.settle();
  }
}
