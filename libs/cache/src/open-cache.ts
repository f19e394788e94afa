import { SystemClock, type Clock } from '@tessera/platform/clock.js';
import { failedPrecondition } from '@tessera/platform/errors.js';
import { createLogger, type Logger } from '@tessera/platform/logger.js';
import type { Cache } from './cache.js';
import { MemoryCache } from './memory/memory-cache.js';

export type CacheOptions = {
  readonly profile?: 'single' | 'cluster';
  readonly redisUrl?: string | undefined;
  readonly clock?: Clock;
  readonly logger?: Logger;
};

/** The memory of this process, or in the `cluster` profile the Redis that all processes share. */
export async function openCache({
  profile = 'single',
  redisUrl,
  clock = new SystemClock(),
  logger = createLogger('silent', 'cache'),
}: CacheOptions = {}): Promise<Cache & { close(): void }> {
  if (profile === 'single') return new MemoryCache(clock);
  if (redisUrl === undefined) throw failedPrecondition('cache_not_configured', 'The cluster profile needs a Redis: set TESSERA_REDIS_URL.');
  // Loaded where it is needed: the single profile does without a client of Redis.
  const { RedisCache } = await import('./redis/redis-cache.js');
  return RedisCache.open(redisUrl, logger);
}
