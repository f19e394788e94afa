import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ObjectStore } from '@tessera/objects/object-store.js';
import { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { ownerOfKey, type KeyOwner } from './asset.js';
import { AssetStore } from './asset.store.js';
import { CheckpointStore } from './checkpoint.store.js';
import { Checkpoints } from './checkpoints.js';
import { isRefusal } from './errors.js';
import { Uploads } from './uploads.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** No job is in flight for so long, so a file of that age without a document is nobody's. */
const orphanAgeMs = dayMs;

/** Longer than any worker holds on to a job that has ended. */
const endedMarkLifeMs = dayMs;

const pageMax = 1000;

export type Swept = {
  readonly uploads: number;
  readonly objects: number;
  /** Jobs whose checkpoints were removed. */ readonly checkpoints: number;
};

/** Removes what nothing else would: uploads that never came, checkpoints whose time is over, and files that a crash left without a document. At the start, and every day; checkpoints every hour. */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private timers: NodeJS.Timeout[] = [];
  private current: Promise<void> = Promise.resolve();

  constructor(
    private readonly assets: AssetStore,
    private readonly uploads: Uploads,
    private readonly checkpoints: Checkpoints,
    private readonly checkpointStore: CheckpointStore,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const begin = () => {
      this.current = this.current.then(() => this.logged(() => this.run()));
    };
    begin();
    const removeDue = () => {
      this.current = this.current.then(() =>
        this.logged(async () => ({ checkpoints: await this.checkpoints.removeDue(this.stopping.signal) })),
      );
    };
    this.timers = [setInterval(begin, dayMs).unref(), setInterval(removeDue, hourMs).unref()];
  }

  async onModuleDestroy(): Promise<void> {
    this.timers.forEach((timer) => clearInterval(timer));
    this.stopping.abort();
    await this.current;
  }

  private async logged(run: () => Promise<Partial<Swept>>): Promise<void> {
    try {
      this.logger.info(await run(), 'storage swept');
    } catch (error) {
      this.logger.warn({ err: error }, 'the sweep of the storage broke off; the next one is in a day');
    }
  }

  async run(): Promise<Swept> {
    const uploads = await this.sweepUploads();
    const checkpoints = await this.checkpoints.removeDue(this.stopping.signal);
    const objects = await this.sweepObjects();
    await this.assets.forgetEndedBefore(this.clock.now() - endedMarkLifeMs);
    return { uploads, objects, checkpoints };
  }

  private async sweepUploads(): Promise<number> {
    let removed = 0;
    for (;;) {
      const stale = await this.assets.awaitingBefore(this.clock.now() - dayMs);
      if (stale.length === 0 || this.stopping.signal.aborted) return removed;
      for (const { id, value } of stale) {
        // It did come and was never used: what it is gets written down, and then it waits no longer.
        if (await this.objects.head(value.key)) await this.uploads.inspect(id).catch(ignoreRefusal);
        else removed += (await this.assets.remove([id])).length;
      }
    }
  }

  private async sweepObjects(): Promise<number> {
    let removed = 0;
    let after: string | undefined;
    for (;;) {
      const keys = await this.objects.list('accounts/', pageMax, after);
      after = keys.at(-1);
      if (after === undefined || this.stopping.signal.aborted) return removed;
      for (const key of await this.withoutDocument(keys)) {
        // Asked last: one that is being stored again this moment is young.
        const head = await this.objects.head(key);
        if (!head || head.storedMs > this.clock.now() - orphanAgeMs) continue;
        await this.objects.delete(key);
        removed++;
      }
    }
  }

  private async withoutDocument(keys: readonly string[]): Promise<string[]> {
    const owners = keys.map((key) => ownerOfKey(key));
    const ownersOf = <K extends KeyOwner['kind']>(kind: K) =>
      owners.filter((owner): owner is Extract<KeyOwner, { kind: K }> => owner?.kind === kind);
    const known = new Set<string>();
    const jobIds = [...new Set(ownersOf('output').map(({ jobId }) => jobId))];
    if (jobIds.length > 0) for await (const { value } of this.assets.ofJobs(jobIds)) known.add(value.key);
    for (const { value } of await this.assets.getMany(ownersOf('upload').map(({ uploadId }) => uploadId)))
      if (value.state !== 'refused') known.add(value.key);
    const checkpointed = await this.checkpointStore.known(ownersOf('checkpoint'));
    return keys.filter((key, at) => {
      const owner = owners[at];
      return owner && !(owner.kind === 'checkpoint' ? checkpointed.has(owner) : known.has(key));
    });
  }
}

function ignoreRefusal(error: unknown): void {
  if (!isRefusal(error)) throw error;
}
