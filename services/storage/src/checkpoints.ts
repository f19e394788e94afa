import { Injectable } from '@nestjs/common';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { assertId, checkpointKey, checkpointPrefix, isId, stepOfKey } from './asset.js';
import { AssetStore } from './asset.store.js';
import { CheckpointStore } from './checkpoint.store.js';
import { weightsBytesMax } from './content-types.js';
import { checkpointDamaged, jobEnded, unknownCheckpoint } from './errors.js';
import { verified } from './byte-streams.js';

const dayMs = 24 * 3_600_000;

/** The caller may go on from the last checkpoint of a job that has ended without success. */
export const keptAfterEndMs = dayMs;

/** Longer than any worker holds on to a job that has ended. */
const removedMarkLifeMs = dayMs;

/** Nobody brings a checkpoint so late: the end of that job has not been told of, and never will be. */
const silenceMaxMs = 30 * dayMs;

/** More than a job ever has; what is beyond goes with the next one. */
const listMax = 1000;

export type Checkpoint = { readonly key: string; readonly step: number; readonly digest: string };

type Job = { readonly accountId: string; readonly jobId: string };

/** States of running jobs from which another attempt goes on. */
@Injectable()
export class Checkpoints {
  constructor(
    private readonly jobs: CheckpointStore,
    private readonly assets: AssetStore,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
  ) {}

  /**
   * That the job has checkpoints is written down before the first byte is stored, so that none is ever without something that leads to its removal. FailedPrecondition `job_ended`
   * when nobody goes on from it any more.
   */
  async put({ accountId, jobId }: Job, step: number, sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<Checkpoint> {
    assertId('account_id', accountId);
    assertId('job_id', jobId);
    if (await this.assets.hasEnded(jobId)) throw jobEnded();
    const dueMs = this.clock.now() + silenceMaxMs;
    const begun = await this.jobs.change(accountId, jobId, (current) =>
      current === undefined || current.state === 'open' ? { state: 'open', dueMs } : undefined,
    );
    if (begun?.state !== 'open') throw jobEnded();
    const key = checkpointKey(accountId, jobId, step);
    const { sha256: digest } = await this.objects.put(key, verified(bytes, sha256), {
      contentType: 'application/octet-stream',
      sizeBytesMax: weightsBytesMax,
    });
    await this.#requireOpen(accountId, jobId);
    await this.#dropAllBut(accountId, jobId, step);
    return { key, step, digest };
  }

  /** The job may have ended while the bytes came. */
  async #requireOpen(accountId: string, jobId: string): Promise<void> {
    const current = await this.jobs.get(accountId, jobId);
    if (current?.state === 'open') return;
    if (current?.state !== 'kept') await this.#purge(accountId, jobId);
    throw jobEnded();
  }

  /** The new one and the one before it stay: until the queue knows of the new one, an attempt goes on from that. Later steps are of an attempt that the queue knows nothing of. */
  async #dropAllBut(accountId: string, jobId: string, step: number): Promise<void> {
    const steps = (await this.objects.list(checkpointPrefix(accountId, jobId), listMax)).map(stepOfKey);
    const before = Math.max(...steps.filter((other) => other < step));
    for (const other of steps) if (other !== step && other !== before) await this.objects.delete(checkpointKey(accountId, jobId, other));
  }

  /** Digests are compared twice: of what lies there with what was told of, and of what was read with both. */
  async *read({ accountId, jobId }: Job, step: number, digest: string): AsyncGenerator<Uint8Array> {
    assertId('account_id', accountId);
    assertId('job_id', jobId);
    const { head, body } = await this.objects.get(checkpointKey(accountId, jobId, step)).catch((error: unknown) => {
      if (error instanceof TesseraError && error.reason === 'unknown_object') throw unknownCheckpoint();
      throw error;
    });
    try {
      if (head.sha256 !== digest.toLowerCase()) throw checkpointDamaged();
      yield* verified(body, digest, checkpointDamaged);
    } finally {
      // Whoever goes away early has not read the body to its end, and it may hold a file open.
      await body[Symbol.asyncIterator]().return?.();
    }
  }

  /** Idempotent. Costs one read for a job without checkpoints, which most are. */
  async removeAll(accountId: string, jobId: string): Promise<void> {
    if (!isId(accountId) || !isId(jobId)) return;
    const dueMs = this.clock.now() + removedMarkLifeMs;
    const known = await this.jobs.change(accountId, jobId, (current) =>
      current && current.state !== 'removed' ? { state: 'removed', dueMs } : undefined,
    );
    if (known) await this.#purge(accountId, jobId);
  }

  /** Idempotent: the time is counted from the first end. */
  async keepForAWhile(accountId: string, jobId: string): Promise<void> {
    if (!isId(accountId) || !isId(jobId)) return;
    const dueMs = this.clock.now() + keptAfterEndMs;
    await this.jobs.change(accountId, jobId, (current) => (current?.state === 'open' ? { state: 'kept', dueMs } : undefined));
  }

  /** Removes what is due, also what a crash left of what had been removed. Answers of how many jobs. */
  async removeDue(signal: AbortSignal): Promise<number> {
    let jobs = 0;
    for (;;) {
      const due = await this.jobs.dueBefore(this.clock.now());
      if (due.length === 0) return jobs;
      for (const job of due) {
        if (signal.aborted) return jobs;
        const { accountId, jobId, state } = job.value;
        // First, so that a checkpoint that is being stored this moment finds nothing written down and goes, too.
        if (!(await this.jobs.forget(job))) continue;
        await this.#purge(accountId, jobId);
        if (state !== 'removed') jobs++;
      }
    }
  }

  async #purge(accountId: string, jobId: string): Promise<void> {
    for (const key of await this.objects.list(checkpointPrefix(accountId, jobId), listMax)) await this.objects.delete(key);
  }
}
