import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToDeletedJobs, subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { Checkpoints } from './checkpoints.js';
import { JobFiles } from './job-files.js';

type Ended = { readonly accountId: string; readonly jobId: string };

/** Named one by one: a state that is added later must not delete anybody's files by default. */
const unsuccessful: ReadonlySet<JobState> = new Set([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);

/** What this service is told of jobs. Every handler may run again. */
@Injectable()
export class JobEvents implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly jobFiles: JobFiles,
    private readonly checkpoints: Checkpoints,
  ) {}

  onModuleInit(): void {
    subscribeToDeletedJobs(this.bus, 'storage', (event) => this.#deleted(event));
    subscribeToFinishedJobs(this.bus, 'storage', async (event) => {
      if (event.state === JobState.SUCCEEDED) await this.#succeeded(event);
      if (unsuccessful.has(event.state)) await this.#endedOtherwise(event);
    });
  }

  #succeeded({ accountId, jobId }: Ended): Promise<void> {
    return this.checkpoints.removeAll(accountId, jobId);
  }

  async #endedOtherwise({ accountId, jobId }: Ended): Promise<void> {
    await this.jobFiles.forget(accountId, jobId);
    await this.checkpoints.keepForAWhile(accountId, jobId);
  }

  async #deleted({ accountId, jobId }: Ended): Promise<void> {
    await this.jobFiles.forget(accountId, jobId);
    await this.checkpoints.removeAll(accountId, jobId);
  }
}
