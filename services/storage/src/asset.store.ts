import { Injectable } from '@nestjs/common';
import { Documents, retryOnConflict, type Collection, type Page, type Stored } from '@tessera/documents/documents.js';
import type { OutgoingEvent } from '@tessera/documents/outgoing-event.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Asset } from './asset.js';
import { assetIdTaken } from './errors.js';

/** A page of the document store is the largest step that is taken at once. */
const pageMax = 1000;

const hasReason = (error: unknown, reason: string): boolean => error instanceof TesseraError && error.reason === reason;

/** The only file that knows how assets and the marks of ended jobs are stored. */
@Injectable()
export class AssetStore {
  private readonly assets: Collection<Asset>;
  private readonly endedJobs: Collection<{ readonly endedMs: number }>;

  constructor(private readonly documents: Documents) {
    this.assets = documents.collection({
      name: 'storage.assets',
      version: 1,
      indexes: [
        { name: 'job', fields: ['jobId'] },
        // Only uploads that wait have the field, so outputs cost this index nothing.
        { name: 'awaiting', fields: ['awaitingSinceMs'] },
      ],
    });
    this.endedJobs = documents.collection({ name: 'storage.ended_jobs', version: 1, indexes: [{ name: 'ended', fields: ['endedMs'] }] });
  }

  get(assetId: string): Promise<Stored<Asset> | undefined> {
    return this.assets.get(assetId);
  }

  getMany(assetIds: readonly string[]): Promise<Stored<Asset>[]> {
    return this.assets.getMany(assetIds);
  }

  async insert(assetId: string, asset: Asset): Promise<void> {
    await this.documents.commit([this.assets.insert(assetId, asset)]);
  }

  async replace(current: Stored<Asset>, asset: Asset, events: readonly OutgoingEvent[] = []): Promise<void> {
    await this.documents.commit([this.assets.replace(current, asset)], events);
  }

  /**
   * Inserts, or replaces what an earlier attempt of the same job has left. Inserting comes first: it nearly always succeeds, and saves the read.
   * Answers what was replaced. Conflict `asset_id_taken` when an id belongs to another job.
   */
  async putAll(assets: ReadonlyMap<string, Asset>): Promise<Asset[]> {
    try {
      await this.documents.commit([...assets].map(([assetId, asset]) => this.assets.insert(assetId, asset)));
      return [];
    } catch (error) {
      if (!hasReason(error, 'already_exists')) throw error;
      return retryOnConflict(() => this.replaceAll(assets));
    }
  }

  private async replaceAll(assets: ReadonlyMap<string, Asset>): Promise<Asset[]> {
    const existing = new Map((await this.assets.getMany([...assets.keys()])).map((stored) => [stored.id, stored]));
    for (const [assetId, { value }] of existing) {
      const asset = assets.get(assetId);
      if (value.accountId !== asset?.accountId || value.jobId !== asset.jobId) throw assetIdTaken();
    }
    await this.documents.commit(
      [...assets].map(([assetId, asset]) => {
        const current = existing.get(assetId);
        return current ? this.assets.replace(current, asset) : this.assets.insert(assetId, asset);
      }),
    );
    return [...existing.values()].map(({ value }) => value);
  }

  /** What is gone already is fine. Answers what was removed. */
  async remove(assetIds: readonly string[]): Promise<Asset[]> {
    return retryOnConflict(async () => {
      const current = await this.assets.getMany(assetIds);
      if (current.length > 0) await this.documents.commit(current.map((stored) => this.assets.remove(stored)));
      return current.map(({ value }) => value);
    });
  }

  async *ofJobs(jobIds: readonly string[]): AsyncGenerator<Stored<Asset>> {
    let after: string | undefined;
    do {
      const page: Page<Asset> = await this.assets.find({
        where: { jobId: { in: jobIds } },
        limit: pageMax,
        ...(after === undefined ? {} : { after }),
      });
      yield* page.items;
      after = page.next;
    } while (after !== undefined);
  }

  /** Uploads that have waited since before then, the oldest first, at most a page of them. */
  async awaitingBefore(sinceMs: number): Promise<Stored<Asset>[]> {
    return (
      await this.assets.find({ where: { awaitingSinceMs: { lt: sinceMs } }, sort: [['awaitingSinceMs', 'asc']], limit: pageMax })
    ).items.slice();
  }

  /** From now on the job keeps no outputs, whoever still brings some. */
  async markEnded(jobId: string, endedMs: number): Promise<void> {
    try {
      await this.documents.commit([this.endedJobs.insert(jobId, { endedMs })]);
    } catch (error) {
      if (!hasReason(error, 'already_exists')) throw error;
    }
  }

  async hasEnded(jobId: string): Promise<boolean> {
    return (await this.endedJobs.get(jobId)) !== undefined;
  }

  async forgetEndedBefore(endedMs: number): Promise<void> {
    for (;;) {
      const { items } = await this.endedJobs.find({ where: { endedMs: { lt: endedMs } }, limit: pageMax });
      if (items.length === 0) return;
      await retryOnConflict(async () => {
        const current = await this.endedJobs.getMany(items.map(({ id }) => id));
        if (current.length > 0) await this.documents.commit(current.map((stored) => this.endedJobs.remove(stored)));
      });
    }
  }
}
