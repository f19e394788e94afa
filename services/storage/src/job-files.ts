import { Injectable } from '@nestjs/common';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import { isId, jobPrefix, ownerOfKey } from './asset.js';
import { AssetStore } from './asset.store.js';

const pageMax = 1000;

/** Lets go of the outputs that a job leaves behind when it is deleted or does not succeed; its checkpoints have rules of their own. */
@Injectable()
export class JobFiles {
  constructor(
    private readonly assets: AssetStore,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
  ) {}

  /**
   * Idempotent. The mark comes first, so that outputs which a worker brings at this very moment are either seen here and removed, or see the mark and are removed
   * by who brought them.
   */
  async forget(accountId: string, jobId: string): Promise<void> {
    // Such a job can have no outputs, and its id is no part of a key.
    if (!isId(accountId) || !isId(jobId)) return;
    await this.assets.markEnded(jobId, this.clock.now());
    await this.purge(accountId, jobId);
  }

  /** Documents first: what is left by a crash in between are files without a document, which a repeat or the sweep removes. */
  async purge(accountId: string, jobId: string): Promise<void> {
    const assetIds: string[] = [];
    for await (const { id, value } of this.assets.ofJobs([jobId])) if (value.accountId === accountId) assetIds.push(id);
    for (let at = 0; at < assetIds.length; at += pageMax) await this.assets.remove(assetIds.slice(at, at + pageMax));
    const prefix = jobPrefix(accountId, jobId);
    let after: string | undefined;
    do {
      const keys = await this.objects.list(prefix, pageMax, after);
      for (const key of keys) if (ownerOfKey(key)?.kind !== 'checkpoint') await this.objects.delete(key);
      after = keys.at(-1);
    } while (after !== undefined);
  }
}
