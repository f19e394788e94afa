import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { DatasetStore, type Removal } from './dataset.store.js';

/** What a crash, or an absent storage, has left is tried again so often. */
const sweepMs = 3_600_000;
const sweptAtOnce = 100;

/** Lets the files of deleted datasets and pictures go: noted in the commit that deletes, so no crash leaves a file that nobody knows. */
@Injectable()
export class Removals implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #storage: RpcClient<typeof StorageService>;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: DatasetStore,
    private readonly clock: Clock,
    rpc: Rpc,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  onApplicationBootstrap(): void {
    this.begin();
    this.#timer = setInterval(() => this.begin(), sweepMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#current;
  }

  /** In turn, in the background: whoever deletes need not wait for files. */
  begin(): void {
    this.#current = this.#current
      .then(() => this.run())
      .catch((error: unknown) =>
        this.logger.warn({ err: error }, 'files of deleted datasets could not be removed; tried again within an hour'),
      );
  }

  /** Whatever was begun. */
  settled(): Promise<void> {
    return this.#current;
  }

  async run(): Promise<void> {
    for (;;) {
      const due = await this.store.removals(this.clock.now(), sweptAtOnce);
      for (const removal of due) {
        if (this.#stopping.signal.aborted) return;
        await this.#remove(removal);
      }
      if (due.length < sweptAtOnce) return;
    }
  }

  async #remove(removal: Stored<Removal>): Promise<void> {
    const { accountId } = removal.value;
    for (const assetId of await this.#assetsOf(removal.value)) {
      if (this.#stopping.signal.aborted) return;
      await this.#storage.deleteAsset({ accountId, assetId }).catch((error: unknown) => {
        if (!(error instanceof TesseraError && error.kind === 'NotFound')) throw error;
      });
    }
    await this.store.finishRemoval(removal);
  }

  async #assetsOf(removal: Removal): Promise<ReadonlySet<string>> {
    if ('assetIds' in removal) return new Set(removal.assetIds);
    const [pictures, versions] = [await this.store.pictures(removal.datasetId), await this.store.versions(removal.datasetId)];
    return new Set([
      ...pictures.map(({ value }) => value.assetId),
      ...versions.flatMap(({ value }) => value.pictures.map(({ assetId }) => assetId)),
    ]);
  }
}
