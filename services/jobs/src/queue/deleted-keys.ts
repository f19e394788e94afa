import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Documents, type Collection, type Write } from '@tessera/documents/documents.js';
import { Clock } from '@tessera/platform/clock.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';

type DeletedKey = { readonly deletedMs: number };

const hourMs = 3_600_000;
/** No client repeats a call after so long. */
const keptMs = 30 * 24 * hourMs;
const purgedAtOnce = 500;

/** Jobs that were made with an idempotency key and are deleted, by their ids, which follow from the keys: a repeat would otherwise make the job anew, and storage takes nothing for a deleted one. */
@Injectable()
export class DeletedKeys implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #keys: Collection<DeletedKey>;
  #timer: NodeJS.Timeout | undefined;
  #purging: Promise<void> = Promise.resolve();

  constructor(
    private readonly documents: Documents,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#keys = documents.collection<DeletedKey>({
      name: 'jobs.deletedKeys',
      version: 1,
      indexes: [{ name: 'by_time', fields: ['deletedMs'] }],
    });
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#purging = this.purge().catch((error: unknown) =>
        this.logger.warn({ err: error }, 'old keys of deleted jobs could not be removed'),
      );
    }, hourMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.#purging;
  }

  /** For the commit that removes the job. */
  note(jobId: string): Write {
    return this.#keys.insert(jobId, { deletedMs: this.clock.now() });
  }

  async has(jobId: string): Promise<boolean> {
    return (await this.#keys.get(jobId)) !== undefined;
  }

  async purge(): Promise<void> {
    for (;;) {
      const { items } = await this.#keys.find({
        where: { deletedMs: { lt: this.clock.now() - keptMs } },
        sort: [['deletedMs', 'asc']],
        limit: purgedAtOnce,
      });
      if (items.length === 0) return;
      await this.documents.commit(items.map((item) => this.#keys.remove(item)));
    }
  }
}
