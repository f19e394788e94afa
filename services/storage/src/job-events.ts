import { Injectable, type OnModuleInit } from '@nestjs/common';
import { JobDeletedSchema as ImageJobDeletedSchema, JobFinishedSchema as ImageJobFinishedSchema } from '@tessera/contracts/tessera/generation/v1/events_pb.js';
import { JobState as ImageJobState } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobDeletedSchema, JobFinishedSchema } from '@tessera/contracts/tessera/jobs/v1/events_pb.js';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { Checkpoints } from './checkpoints.js';
import { JobFiles } from './job-files.js';

type Ended = { readonly accountId: string; readonly jobId: string };

/** Named one by one: a state that is added later must not delete anybody's files by default. */
const unsuccessful: ReadonlySet<JobState> = new Set([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.REJECTED]);
const unsuccessfulImages: ReadonlySet<ImageJobState> = new Set([ImageJobState.FAILED, ImageJobState.CANCELLED, ImageJobState.EXPIRED, ImageJobState.REJECTED]);

/** What this service is told of jobs. Events of tessera.generation.v1 were written by the release before this one, and mean the same. Every handler may run again. */
@Injectable()
export class JobEvents implements OnModuleInit {
  constructor(
    private readonly bus: EventBus,
    private readonly jobFiles: JobFiles,
    private readonly checkpoints: Checkpoints,
  ) {}

  onModuleInit(): void {
    this.bus.subscribe(JobDeletedSchema, 'storage', (event) => this.#deleted(event));
    this.bus.subscribe(ImageJobDeletedSchema, 'storage', (event) => this.#deleted(event));
    this.bus.subscribe(JobFinishedSchema, 'storage', async (event) => {
      if (event.state === JobState.SUCCEEDED) await this.#succeeded(event);
      if (unsuccessful.has(event.state)) await this.#endedOtherwise(event);
    });
    this.bus.subscribe(ImageJobFinishedSchema, 'storage', async (event) => {
      if (event.state === ImageJobState.SUCCEEDED) await this.#succeeded(event);
      if (unsuccessfulImages.has(event.state)) await this.#endedOtherwise(event);
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
