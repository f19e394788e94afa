import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryCache } from '@tessera/cache/memory/memory-cache.js';
import { SystemClock } from '@tessera/platform/clock.js';
import { parseConfig } from '@tessera/platform/config.js';
import { unavailable } from '@tessera/platform/errors.js';
import { createLogger } from '@tessera/platform/logger.js';
import { UpdateChannels } from './update-channels.js';

/** A cache that can be away, as a Redis is. */
class BreakableCache extends MemoryCache {
  isAway = false;

  override get(key: string) {
    return this.#unlessAway(() => super.get(key));
  }

  override publish(channel: string, message: Uint8Array) {
    return this.#unlessAway(() => super.publish(channel, message));
  }

  override subscribe(channel: string, listener: (message: Uint8Array) => void) {
    return this.#unlessAway(() => super.subscribe(channel, listener));
  }

  async #unlessAway<T>(call: () => Promise<T>): Promise<T> {
    if (this.isAway) throw unavailable('cache_unavailable', 'The cache cannot be reached just now.');
    return call();
  }
}

describe('channels of updates', () => {
  let cache: BreakableCache;
  let channels: UpdateChannels;
  let told: string[];
  const listener = { onMessage: () => void told.push('message'), onGap: () => void told.push('gap') };
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    jest.useFakeTimers();
    told = [];
    cache = new BreakableCache(new SystemClock());
    const shared = { ...parseConfig({ dataDir: '/nowhere', engine: 'noop' }), profile: 'cluster' as const };
    channels = new UpdateChannels(cache, shared, createLogger('silent', 'test'));
  });
  afterEach(async () => {
    await channels.onModuleDestroy();
    jest.useRealTimers();
  });

  it('tell their listeners to look every second while the cache is away, and once when it is back', async () => {
    await channels.listen('job', listener);
    await pass(2_500);
    expect(told).toEqual([]);
    cache.isAway = true;
    await pass(3_000);
    expect(told).toEqual(['gap', 'gap', 'gap']);
    cache.isAway = false;
    await pass(3_000);
    expect(told).toEqual(['gap', 'gap', 'gap', 'gap']);
  });

  it('subscribe whoever began to listen while the cache was away', async () => {
    cache.isAway = true;
    await channels.listen('job', listener);
    channels.publish('job', new Uint8Array());
    cache.isAway = false;
    await pass(1_000);
    expect(told).toEqual(['gap']);
    channels.publish('job', new Uint8Array());
    await pass(0);
    expect(told).toEqual(['gap', 'message']);
  });

  it('tell nothing to whoever has stopped listening meanwhile', async () => {
    cache.isAway = true;
    const stop = await channels.listen('job', listener);
    stop();
    cache.isAway = false;
    await pass(5_000);
    channels.publish('job', new Uint8Array());
    await pass(0);
    expect(told).toEqual([]);
  });
});
