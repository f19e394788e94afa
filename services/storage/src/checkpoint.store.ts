import { Injectable } from '@nestjs/common';
import { Documents, retryOnConflict, type Collection, type Stored } from '@tessera/documents/documents.js';
import { TesseraError } from '@tessera/platform/errors.js';

/**
 * That a job has checkpoints, and until when. `open`: the job runs or may run again. `kept`: it has ended, and its checkpoints are kept for a while. `removed`: they are gone, and the
 * document stays for as long as a worker could still bring one.
 */
export type JobCheckpoints = {
  readonly accountId: string;
  readonly jobId: string;
  readonly state: 'open' | 'kept' | 'removed';
  readonly dueMs: number;
};

const pageMax = 1000;

const idOf = (accountId: string, jobId: string): string => `${accountId}/${jobId}`;

/** The only file that knows how it is written down which jobs have checkpoints. */
@Injectable()
export class CheckpointStore {
  readonly #jobs: Collection<JobCheckpoints>;

  constructor(private readonly documents: Documents) {
    this.#jobs = documents.collection({ name: 'storage.checkpoints', version: 1, indexes: [{ name: 'due', fields: ['dueMs'] }] });
  }

  async get(accountId: string, jobId: string): Promise<JobCheckpoints | undefined> {
    return (await this.#jobs.get(idOf(accountId, jobId)))?.value;
  }

  /** Answers what is written down now: what `change` makes of what there was, or that, unchanged, where it answers `undefined`. */
  change(
    accountId: string,
    jobId: string,
    change: (current: JobCheckpoints | undefined) => Pick<JobCheckpoints, 'state' | 'dueMs'> | undefined,
  ): Promise<JobCheckpoints | undefined> {
    return retryOnConflict(async () => {
      const current = await this.#jobs.get(idOf(accountId, jobId));
      const changed = change(current?.value);
      if (changed === undefined) return current?.value;
      const value = { accountId, jobId, ...changed };
      await this.documents.commit([current ? this.#jobs.replace(current, value) : this.#jobs.insert(idOf(accountId, jobId), value)]);
      return value;
    });
  }

  /** The longest due first, at most a page of them. */
  async dueBefore(nowMs: number): Promise<readonly Stored<JobCheckpoints>[]> {
    return (await this.#jobs.find({ where: { dueMs: { lte: nowMs } }, sort: [['dueMs', 'asc']], limit: pageMax })).items;
  }

  /** False when it has changed since it was read. */
  async forget(current: Stored<JobCheckpoints>): Promise<boolean> {
    try {
      await this.documents.commit([this.#jobs.remove(current)]);
      return true;
    } catch (error) {
      if (error instanceof TesseraError && error.reason === 'revision_mismatch') return false;
      throw error;
    }
  }

  /** Those among these of whose jobs it is written down that they have any. */
  async known<K extends { readonly accountId: string; readonly jobId: string }>(jobs: readonly K[]): Promise<{ has(job: K): boolean }> {
    const stored = await this.#jobs.getMany([...new Set(jobs.map(({ accountId, jobId }) => idOf(accountId, jobId)))]);
    const ids = new Set(stored.map(({ id }) => id));
    return { has: ({ accountId, jobId }) => ids.has(idOf(accountId, jobId)) };
  }
}
