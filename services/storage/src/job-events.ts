import { Injectable, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToDeletedJobs, subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { finalStateOf } from '@tessera/events/job-states.js';
import { Checkpoints } from './checkpoints.js';
import { JobFiles } from './job-files.js';

/** What becomes of a job's files when it ends or is deleted. Every handler may run again. */
@Injectable()
export class JobEvents implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly jobFiles: JobFiles,
    private readonly checkpoints: Checkpoints,
  ) {}

  onModuleInit(): void {
    subscribeToDeletedJobs(this.bus, 'storage', async ({ accountId, jobId }) => {
      await this.jobFiles.forget(accountId, jobId);
      await this.checkpoints.removeAll(accountId, jobId);
    });
    subscribeToFinishedJobs(this.bus, 'storage', async ({ accountId, jobId, state }) => {
      const ended = finalStateOf(state);
      if (ended === 'succeeded') return this.checkpoints.removeAll(accountId, jobId);
      // A state that is added later must not delete anybody's files by default.
      if (ended === undefined) return;
      await this.jobFiles.forget(accountId, jobId);
      await this.checkpoints.keepForAWhile(accountId, jobId);
    });
  }
}
