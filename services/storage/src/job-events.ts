import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToDeletedJobs, subscribeToFinishedJobs } from '@tessera/events/job-events.js';
import { JobFiles } from './job-files.js';

/** Named one by one: a state that is added later must not delete anybody's pictures by default. */
const statesWithoutPictures: ReadonlySet<JobState> = new Set([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);

/** What this service hears from the world. */
@Injectable()
export class JobEvents implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly jobFiles: JobFiles,
  ) {}

  onModuleInit(): void {
    subscribeToDeletedJobs(this.bus, 'storage', (event) => this.jobFiles.forget(event.accountId, event.jobId));
    subscribeToFinishedJobs(this.bus, 'storage', async (event) => {
      if (statesWithoutPictures.has(event.state)) await this.jobFiles.forget(event.accountId, event.jobId);
    });
  }
}
