import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
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
    this.bus.subscribe(JobDeletedSchema, 'storage', (event) => this.jobFiles.forget(event.accountId, event.jobId));
    this.bus.subscribe(JobFinishedSchema, 'storage', async (event) => {
      if (statesWithoutPictures.has(event.state)) await this.jobFiles.forget(event.accountId, event.jobId);
    });
  }
}
