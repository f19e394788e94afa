import { SystemClock, type Clock } from '@tessera/platform/clock.js';
import type { Cache } from './cache.js';
import { MemoryCache } from './memory/memory-cache.js';

/** The cache of this process. */
export function openCache({ clock = new SystemClock() }: { clock?: Clock } = {}): Cache & { close(): void } {
  return new MemoryCache(clock);
}
