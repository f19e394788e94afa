import type { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { hasEnded } from './job-life.js';
import type { JobQueue } from './job-queue.js';
import type { JobStore, StoredJob } from './job.store.js';

/** `setTimeout` cannot wait longer than 24.8 days; looking once an hour costs nothing. */
const lookEveryMsDefault = 3_600_000;
/** After a sweep that failed: the store may be busy or away. */
const retryMs = 1_000;

/**
 * Finishes what nobody else will: jobs left between two steps by a crash, leases that were not renewed, jobs that nobody began in time.
 * One timer, armed for the nearest due time of all jobs; nothing polls where one process alone writes to the store.
 */
export class DueSweeper<P extends object> {
  #timer: NodeJS.Timeout | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;
  #isStopped = true;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: JobStore<P>,
    private readonly queue: JobQueue<P>,
    private readonly clock: Clock,
    private readonly logger: Logger,
    /** Takes an accepted job on to the queue or to its rejection. Must be harmless when somebody else does the same. */
    private readonly resumeAccepted: (job: StoredJob<P>) => Promise<void>,
    /** Where other processes write to the store, what they make due is seen only there. */
    private readonly lookEveryMs = lookEveryMsDefault,
  ) {}

  async start(): Promise<void> {
    this.#isStopped = false;
    await this.#armForNext();
  }

  /** Goes on at once with jobs that an earlier life of this process accepted and left, instead of waiting until they are due. */
  async takeOverAccepted(resumeWithinMs: number): Promise<void> {
    const left: StoredJob<P>[] = [];
    for await (const job of this.store.dueUntil(this.clock.now() + resumeWithinMs)) if (job.value.life.state === 'accepted') left.push(job);
    for (const job of left) await this.#handle(job);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  /** Tells of a job that is due at that time. Cheap: called for every commit. */
  note(dueMs: number): void {
    if (this.#isStopped || dueMs >= this.#armedForMs) return;
    this.#arm(dueMs);
  }

  /** Looks at everything that is due now. */
  async sweep(): Promise<void> {
    for (;;) {
      const due = await this.store.due(this.clock.now());
      let handled = 0;
      for (const job of due) if (await this.#handle(job)) handled += 1;
      // Jobs that could not be handled stay due; looking again at once would spin.
      if (handled === 0) return;
    }
  }

  async #handle(job: StoredJob<P>): Promise<boolean> {
    try {
      await this.#next(job);
      return true;
    } catch (error) {
      // Somebody else has moved the job on: what we wanted.
      if ((error as { reason?: string }).reason === 'revision_mismatch') return true;
      this.logger.error({ err: error, jobId: job.id, state: job.value.life.state }, 'a due job could not be moved on; it is tried again');
      return false;
    }
  }

  async #next(job: StoredJob<P>): Promise<void> {
    const { life } = job.value;
    if (hasEnded(life)) return;
    switch (life.state) {
      case 'accepted':
        return this.resumeAccepted(job);
      case 'queued':
        await this.queue.expire(job);
        return;
      case 'running':
        await this.queue.requeueOrFail(
          job,
          { reason: 'lease_lost', message: 'The workers that took it fell silent, every time.' },
          { countsAsAttempt: true },
        );
        return;
    }
  }

  #arm(dueMs: number): void {
    clearTimeout(this.#timer);
    this.#armedForMs = dueMs;
    const waitMs = Math.min(this.lookEveryMs, Math.max(0, dueMs - this.clock.now()));
    this.#timer = setTimeout(() => {
      this.#armedForMs = Number.POSITIVE_INFINITY;
      this.#sweeping = this.#run();
    }, waitMs).unref();
  }

  async #run(): Promise<void> {
    try {
      await this.sweep();
      await this.#armForNext();
    } catch (error) {
      this.logger.error({ err: error }, 'the sweep of due jobs failed; it is tried again');
      if (!this.#isStopped) this.#arm(this.clock.now() + retryMs);
    }
  }

  async #armForNext(): Promise<void> {
    const lookMs = this.clock.now() + this.lookEveryMs;
    const nextMs = Math.min(lookMs, (await this.store.nextDueMs()) ?? lookMs);
    if (this.#isStopped || nextMs >= this.#armedForMs) return;
    // What is due already was just tried and could not be moved on.
    this.#arm(Math.max(nextMs, this.clock.now() + retryMs));
  }
}
