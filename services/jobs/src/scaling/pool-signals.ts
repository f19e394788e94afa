import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';

/** A busy pool changes thousands of times a second; whoever listens wants to look again soon, not as often. */
const signalEveryMs = 250;

const channelOf = (pool: string): string => `jobs.pool.${pool}`;
const nothing = new Uint8Array();

/** Signals that a pool may have changed; a signal between two waits is not lost. */
export type PoolSignal = {
  /** Whether it was signalled, rather than the wait aborted. */
  signalled(signal: AbortSignal): Promise<boolean>;
  close(): void;
};

/** Signals, through the cache and thus in every process, that jobs of a pool came or went. Losing a message costs the listener a moment: the truth lies in the store. */
@Injectable()
export class PoolSignals implements OnModuleDestroy {
  /** Pools that were signalled just now, and whether they have changed since. */
  readonly #quiet = new Map<string, { hasChanged: boolean; readonly timer: NodeJS.Timeout }>();

  constructor(
    private readonly cache: Cache,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** At once, and from then on at most every `signalEveryMs`. */
  changed(pool: string): void {
    const quiet = this.#quiet.get(pool);
    if (quiet) {
      quiet.hasChanged = true;
      return;
    }
    const timer = setTimeout(() => this.#endQuiet(pool), signalEveryMs).unref();
    this.#quiet.set(pool, { hasChanged: false, timer });
    this.cache.publish(channelOf(pool), nothing).catch((error: unknown) => this.logger.warn({ err: error, pool }, 'a pool has changed and its listeners were not signalled'));
  }

  /** Resolves when nothing that happens from now on is missed. */
  async listen(pool: string): Promise<PoolSignal> {
    // Several signals before the next wait say no more than one.
    const signals = new BoundedBuffer<true>({ itemsMax: 1, mayDrop: () => true });
    const close = await this.cache.subscribe(channelOf(pool), () => signals.push(true));
    return { signalled: async (signal) => (await signals.next(signal)) === true, close };
  }

  onModuleDestroy(): void {
    for (const { timer } of this.#quiet.values()) clearTimeout(timer);
  }

  #endQuiet(pool: string): void {
    const hasChanged = this.#quiet.get(pool)?.hasChanged;
    this.#quiet.delete(pool);
    if (hasChanged) this.changed(pool);
  }
}
