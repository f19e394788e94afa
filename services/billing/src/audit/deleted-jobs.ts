import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Documents, type Collection } from '@tessera/documents/documents.js';
import { EventBus } from '@tessera/events/event-bus.js';
import { subscribeToDeletedJobs } from '@tessera/events/job-events.js';
import { TesseraError } from '@tessera/platform/errors.js';

type DeletedJob = { readonly accountId: string; readonly deletedMs: number };

/** Remembers that a job was deleted: its charge stays, and must not look like one without a job. */
@Injectable()
export class DeletedJobs implements OnModuleInit {
  private readonly deleted: Collection<DeletedJob>;

  constructor(
    private readonly documents: Documents,
    private readonly bus: EventBus,
  ) {
    this.deleted = documents.collection<DeletedJob>({ name: 'billing.deletedJobs', version: 1, indexes: [] });
  }

  onModuleInit(): void {
    subscribeToDeletedJobs(this.bus, 'billing', ({ jobId, accountId, deletedMs }) =>
      this.remember(jobId, { accountId, deletedMs: Number(deletedMs) }),
    );
  }

  /** Those of the jobs that were deleted. */
  async among(jobIds: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.deleted.getMany(jobIds)).map(({ id }) => id));
  }

  private async remember(jobId: string, job: DeletedJob): Promise<void> {
    try {
      await this.documents.commit([this.deleted.insert(jobId, job)]);
    } catch (error) {
      if (!(error instanceof TesseraError) || error.reason !== 'already_exists') throw error;
    }
  }
}
