import type { MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { WatchResponseSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { hasEnded } from '@tessera/jobs/job-life.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { jobMessage } from '../queue/job-messages.js';
import type { Job } from '../queue/job-record.js';
import { Jobs } from '../queue/jobs.js';
import { Queue } from '../queue/queue.js';
import { gap } from './job-updates.js';
import { JobFeed } from './job-feed.js';
import { accountSequenceText, isAfter, parseAccountSequence, parseSequence, sequenceText } from './sequence.js';

type Update = MessageInitShape<typeof WatchResponseSchema>;

/** Jobs read at once while a watcher catches up. */
const pageSize = 100;
/** How far the clocks of two processes may be apart, and a commit may lie behind the time that it carries: what changed shortly before the last update seen is reported again. */
const overlapMs = 2_000;

/** Where a stream of an account stands: everything that changed before that time has been reported; and what its last look at the store has found. */
type Reached = { ms: number; revisions: ReadonlyMap<string, number> };

/** Reports what happens to jobs. Listens before it looks, so nothing falls between. */
@Injectable()
export class Watches {
  constructor(
    private readonly queue: Queue,
    private readonly jobs: Jobs,
    private readonly feed: JobFeed,
  ) {}

  /** One job: first its state as it is, unless the watcher has seen it; then what comes. Ends after the final state. */
  async *watch(accountId: string, jobId: string, afterSequence: string, signal: AbortSignal): AsyncGenerator<Update> {
    const updates = await this.feed.listen(jobId);
    try {
      let reported = parseSequence(afterSequence);
      let job: Job | undefined = await this.jobs.get(accountId, jobId);
      if (job.revision > reported.revision) {
        reported = { revision: job.revision, step: 0 };
        yield await this.#stateOf(job, sequenceText(reported));
      }
      if (hasEnded(job.value.life)) return;
      for (let update = await updates.next(signal); update; update = await updates.next(signal)) {
        if (update !== gap) {
          const { message } = update;
          const sequence = parseSequence(message.sequence);
          if (!isAfter(sequence, reported)) continue;
          if (message.event.case === 'progress' || message.event.case === 'preview') {
            reported = sequence;
            yield message;
            continue;
          }
        }
        job = await this.#unlessDeleted(accountId, jobId);
        if (!job) return;
        if (job.revision <= reported.revision) continue;
        reported = { revision: job.revision, step: 0 };
        yield await this.#stateOf(job, sequenceText(reported));
        if (hasEnded(job.value.life)) return;
      }
    } finally {
      updates.close();
    }
  }

  /** All jobs of an account, until the signal aborts. With a sequence, first the present state of every job that has changed since; then `caught_up`, then what comes. */
  async *watchAccount(accountId: string, afterSequence: string, signal: AbortSignal): AsyncGenerator<Update> {
    const updates = await this.feed.listenToAccount(accountId);
    try {
      const after = parseAccountSequence(afterSequence);
      const reached: Reached = { ms: after ?? this.queue.clock.now(), revisions: new Map() };
      if (after !== undefined) yield* this.#missed(accountId, reached);
      yield { sequence: accountSequenceText(reached.ms), event: { case: 'caughtUp', value: {} } };
      for (let update = await updates.next(signal); update; update = await updates.next(signal)) {
        if (update === gap) {
          yield* this.#missed(accountId, reached);
          continue;
        }
        const { message, jobId } = update;
        if (message.event.case !== 'job') {
          yield { ...message, sequence: accountSequenceText(reached.ms) };
          continue;
        }
        const job = await this.#unlessDeleted(accountId, jobId);
        if (!job) continue;
        reached.ms = Math.max(reached.ms, job.value.changedMs);
        yield await this.#stateOf(job, accountSequenceText(reached.ms));
      }
    } finally {
      updates.close();
    }
  }

  /** What has changed since shortly before the last update seen, save what the last look has found already. */
  async *#missed(accountId: string, reached: Reached): AsyncGenerator<Update> {
    const revisions = new Map<string, number>();
    for await (const job of this.#changedSince(accountId, reached.ms - overlapMs)) {
      revisions.set(job.id, job.revision);
      if (reached.revisions.get(job.id) === job.revision) continue;
      reached.ms = Math.max(reached.ms, job.value.changedMs);
      yield await this.#stateOf(job, accountSequenceText(reached.ms));
    }
    reached.revisions = revisions;
  }

  async *#changedSince(accountId: string, changedMs: number): AsyncGenerator<Job> {
    let after: string | undefined;
    do {
      const page = await this.queue.store.changedSince(accountId, changedMs, pageSize, after);
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  async #stateOf(job: Job, sequence: string): Promise<Update> {
    return { sequence, jobId: job.id, event: { case: 'job', value: jobMessage(job, await this.jobs.positionOf(job)) } };
  }

  async #unlessDeleted(accountId: string, jobId: string): Promise<Job | undefined> {
    try {
      return await this.jobs.get(accountId, jobId);
    } catch (error) {
      if (error instanceof TesseraError && error.kind === 'NotFound') return undefined;
      throw error;
    }
  }
}
