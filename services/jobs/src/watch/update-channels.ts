import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { Config } from '@tessera/platform/config.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';

/** How often listeners look at the store while the cache is away. */
const lookWhileAwayMs = 1_000;
/** A connection that breaks and comes back between two looks at the cache may lose a message unseen: after so many looks at the cache, listeners look at the store in any case. */
const looksAtCachePerGap = 15;

export type ChannelListener = {
  readonly onMessage: (message: Uint8Array) => void;
  /** Messages may have been lost: what they would have told is to be read from the store. */
  readonly onGap: () => void;
};

type Listening = ChannelListener & { readonly channel: string; unsubscribe?: () => void };

/**
 * Publishes and subscribes through the cache, and goes on when the cache is away: nobody's call fails for that, and listeners are told to look at the store, every second until
 * it is back and once more then. A process that is alone has its cache in its own memory, where nothing is lost.
 */
@Injectable()
export class UpdateChannels implements OnModuleDestroy {
  readonly #listening = new Set<Listening>();
  readonly #isRemote: boolean;
  #isAway = false;
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    private readonly cache: Cache,
    @Inject(Config) config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    this.#isRemote = config.profile === 'cluster';
  }

  /** Not awaited by anybody: a message that is lost is found again in the store. */
  publish(channel: string, message: Uint8Array): void {
    this.cache.publish(channel, message).catch((error: unknown) => this.#lost(error));
  }

  /** Resolves when nothing that happens from now on is missed; call the answer to stop. */
  async listen(channel: string, listener: ChannelListener): Promise<() => void> {
    const listening: Listening = { ...listener, channel };
    this.#listening.add(listening);
    try {
      await this.#subscribe(listening);
    } catch (error) {
      this.#listening.delete(listening);
      throw error;
    }
    this.#lookLater();
    return () => {
      this.#listening.delete(listening);
      listening.unsubscribe?.();
    };
  }

  async onModuleDestroy(): Promise<void> {
    this.#listening.clear();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** While the cache is away the listener stays without a subscription, and is subscribed when it is back. */
  async #subscribe(listening: Listening): Promise<void> {
    try {
      const unsubscribe = await this.cache.subscribe(listening.channel, listening.onMessage);
      if (this.#listening.has(listening)) listening.unsubscribe = unsubscribe;
      else unsubscribe();
    } catch (error) {
      if (!(error instanceof TesseraError && error.kind === 'Unavailable')) throw error;
      this.#lost(error);
    }
  }

  #lost(error: unknown): void {
    if (!this.#isAway)
      this.logger.warn({ err: error }, 'updates of jobs do not reach their listeners, who look at the store until the cache is back');
    this.#isAway = true;
  }

  #lookLater(): void {
    if (!this.#isRemote || this.#listening.size === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => {
        this.#timer = undefined;
        this.#lookLater();
      });
    }, lookWhileAwayMs).unref();
  }

  async #look(): Promise<void> {
    const wasAway = this.#isAway;
    try {
      await this.cache.get('jobs.updates');
      this.#isAway = false;
      await Promise.all(
        [...this.#listening].filter(({ unsubscribe }) => unsubscribe === undefined).map((listening) => this.#subscribe(listening)),
      );
    } catch (error) {
      this.#lost(error);
    }
    this.#looks += 1;
    if (wasAway || this.#isAway || this.#looks % looksAtCachePerGap === 0) for (const { onGap } of this.#listening) onGap();
  }
}
