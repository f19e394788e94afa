import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { WatchJobResponseSchema, type LeaseProgress, type WatchJobResponse } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { stateNumberOf, type ImageJob } from './job.documents.js';
import { Mailbox } from './mailbox.js';
import { previewSequence, progressSequence, sequenceText } from './sequence.js';

const channelOf = (jobId: string): string => `generation.job.${jobId}`;

/**
 * News of jobs, through the cache, to whoever watches or waits at this moment, in any process. A state change carries only the state: the listener reads the job itself.
 * Losing a message loses a progress step; states are always found again in the store.
 */
@Injectable()
export class JobFeed {
  constructor(
    private readonly cache: Cache,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  stateChanged(job: ImageJob): void {
    this.#tell(job.id, { sequence: sequenceText({ revision: job.revision, step: 0 }), event: { case: 'job', value: { state: stateNumberOf(job) } } });
  }

  progressed(job: ImageJob, { progress, previews }: LeaseProgress): void {
    if (progress) this.#tell(job.id, { sequence: sequenceText(progressSequence(job.revision, progress.step)), event: { case: 'progress', value: progress } });
    for (const preview of previews) {
      this.#tell(job.id, { sequence: sequenceText(previewSequence(job.revision, preview.step, preview.index)), event: { case: 'preview', value: preview } });
    }
  }

  /** Resolves when nothing that happens from now on is missed. Close the mailbox. */
  async listen(jobId: string): Promise<Mailbox<WatchJobResponse>> {
    const mailbox = new Mailbox<WatchJobResponse>((message) => message.event.case !== 'job');
    const stop = await this.cache.subscribe(channelOf(jobId), (bytes) => mailbox.put(fromBinary(WatchJobResponseSchema, bytes)));
    mailbox.onClose(stop);
    return mailbox;
  }

  #tell(jobId: string, message: MessageInitShape<typeof WatchJobResponseSchema>): void {
    const bytes = toBinary(WatchJobResponseSchema, create(WatchJobResponseSchema, message));
    this.cache.publish(channelOf(jobId), bytes).catch((error: unknown) => this.logger.warn({ err: error, jobId }, 'watchers of a job were not told'));
  }
}
