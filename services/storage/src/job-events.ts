import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToDeletedJobs, subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { Checkpoints } from './checkpoints.js';
import { JobFiles } from './job-files.js';

/** Named one by one: a state that is added later must not delete anybody's files by default. */
const unsuccessful: ReadonlySet<JobState> = new Set([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);

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
      if (state === JobState.SUCCEEDED) await this.checkpoints.removeAll(accountId, jobId);
      if (!unsuccessful.has(state)) return;
      await this.jobFiles.forget(accountId, jobId);
      await this.checkpoints.keepForAWhile(accountId, jobId);
    });
  }
}
