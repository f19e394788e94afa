import type { MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { WatchJobResponseSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { hasEnded } from '@tessera/jobs/job-life.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { JobFeed } from './job-feed.js';
import { jobMessage, type ImageJob } from './job.documents.js';
import { Jobs } from './jobs.js';
import { isAfter, parseSequence, sequenceText } from './sequence.js';

type Telling = MessageInitShape<typeof WatchJobResponseSchema>;

/** Tells one watcher what happens to a job until it ends. */
@Injectable()
export class Watching {
  constructor(
    private readonly jobs: Jobs,
    private readonly feed: JobFeed,
  ) {}

  /** First the state as it is, unless the watcher has seen it; then what comes. Listens before it looks, so nothing falls between. Ends after the final state. */
  async *watch(accountId: string, jobId: string, afterSequence: string, signal: AbortSignal): AsyncGenerator<Telling> {
    const news = await this.feed.listen(jobId);
    try {
      let told = parseSequence(afterSequence);
      let job: ImageJob | undefined = await this.jobs.get(accountId, jobId);
      if (job.revision > told.revision) {
        told = { revision: job.revision, step: 0 };
        yield await this.#stateOf(job);
      }
      if (hasEnded(job.value.life)) return;
      for (let message = await news.next(signal); message; message = await news.next(signal)) {
        const sequence = parseSequence(message.sequence);
        if (!isAfter(sequence, told)) continue;
        told = sequence;
        if (message.event.case !== 'job') {
          yield message;
          continue;
        }
        job = await this.#unlessDeleted(accountId, jobId);
        if (!job) return;
        told = { revision: job.revision, step: 0 };
        yield await this.#stateOf(job);
        if (hasEnded(job.value.life)) return;
      }
    } finally {
      news.close();
    }
  }

  async #stateOf(job: ImageJob): Promise<Telling> {
    return { sequence: sequenceText({ revision: job.revision, step: 0 }), event: { case: 'job', value: jobMessage(job, await this.jobs.positionOf(job)) } };
  }

  async #unlessDeleted(accountId: string, jobId: string): Promise<ImageJob | undefined> {
    try {
      return await this.jobs.get(accountId, jobId);
    } catch (error) {
      if (error instanceof TesseraError && error.kind === 'NotFound') return undefined;
      throw error;
    }
  }
}
