import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { UpdateChannels } from '../watch/update-channels.js';

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

  constructor(private readonly channels: UpdateChannels) {}

  /** At once, and from then on at most every `signalEveryMs`. */
  changed(pool: string): void {
    const quiet = this.#quiet.get(pool);
    if (quiet) {
      quiet.hasChanged = true;
      return;
    }
    const timer = setTimeout(() => this.#endQuiet(pool), signalEveryMs).unref();
    this.#quiet.set(pool, { hasChanged: false, timer });
    this.channels.publish(channelOf(pool), nothing);
  }

  /** Resolves when nothing that happens from now on is missed. */
  async listen(pool: string): Promise<PoolSignal> {
    // Several signals before the next wait say no more than one.
    const signals = new BoundedBuffer<true>({ itemsMax: 1, mayDrop: () => true });
    const onMessage = () => signals.push(true);
    const close = await this.channels.listen(channelOf(pool), { onMessage, onGap: onMessage });
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
