import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Cache } from './cache.js';

/** `elapse` lets that much time pass for the cache. The times are long, so that a slow machine's own time does not matter. */
export type OpenCacheForConformance = () => Promise<{ readonly cache: Cache; elapse(ms: number): Promise<void>; close(): Promise<void> }>;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: Uint8Array) => new TextDecoder().decode(message);

/** What every adapter of the port does. */
export function describeCacheConformance(name: string, open: OpenCacheForConformance): void {
  let opened: Awaited<ReturnType<OpenCacheForConformance>>;
  let cache: Cache;
  beforeEach(async () => {
    opened = await open();
    cache = opened.cache;
  });
  afterEach(() => opened.close());
  describeValues(name, () => opened);

  describe(`${name}: messages`, () => {
    /** Resolves with the messages of a channel once the last one is `end`. */
    async function listenUntilEnd(channel: string): Promise<{ readonly received: Promise<string[]> }> {
      const messages: string[] = [];
      let resolve: (messages: string[]) => void = () => undefined;
      const received = new Promise<string[]>((done) => (resolve = done));
      await cache.subscribe(channel, (message) => {
        messages.push(text(message));
        if (text(message) === 'end') resolve(messages);
      });
      return { received };
    }

    it('reach everyone who listens to the channel, in their order, and nobody else', async () => {
      const [first, second, other] = [await listenUntilEnd('job-1'), await listenUntilEnd('job-1'), await listenUntilEnd('job-2')];
      for (const message of ['one', 'two', 'end']) await cache.publish('job-1', bytes(message));
      await cache.publish('job-2', bytes('end'));
      expect(await Promise.all([first.received, second.received, other.received])).toEqual([
        ['one', 'two', 'end'],
        ['one', 'two', 'end'],
        ['end'],
      ]);
    });

    it('are not kept for those who come later', async () => {
      await cache.publish('job-1', bytes('early'));
      const { received } = await listenUntilEnd('job-1');
      await cache.publish('job-1', bytes('end'));
      expect(await received).toEqual(['end']);
    });

    it('no longer reach a listener that has stopped', async () => {
      const stopped: string[] = [];
      const stop = await cache.subscribe('job-1', (message) => void stopped.push(text(message)));
      const { received } = await listenUntilEnd('job-1');
      stop();
      stop();
      await cache.publish('job-1', bytes('end'));
      await received;
      expect(stopped).toEqual([]);
    });

    it('reach the others although one listener throws', async () => {
      await cache.subscribe('job-1', () => {
        throw new Error('mine alone');
      });
      const { received } = await listenUntilEnd('job-1');
      await cache.publish('job-1', bytes('end'));
      expect(await received).toEqual(['end']);
    });
  });
}

function describeValues(name: string, opened: () => Awaited<ReturnType<OpenCacheForConformance>>): void {
  describe(`${name}: values and counters`, () => {
    it('keeps a value until its time is over', async () => {
      const { cache, elapse } = opened();
      await cache.set('key', 'value', 100_000);
      await elapse(60_000);
      expect(await cache.get('key')).toBe('value');
      await elapse(60_000);
      expect(await cache.get('key')).toBeUndefined();
    });

    it('overwrites a value and its time, and forgets it on delete', async () => {
      const { cache, elapse } = opened();
      await cache.set('key', 'old', 100_000);
      await cache.set('key', 'new', 10_000_000);
      await elapse(200_000);
      expect(await cache.get('key')).toBe('new');
      await cache.delete('key');
      await cache.delete('key');
      expect(await cache.get('key')).toBeUndefined();
    });

    it('counts, and lets the first increment alone start the time', async () => {
      const { cache, elapse } = opened();
      expect(await cache.increment('count', 2, 100_000)).toEqual({ value: 2, expiresInMs: 100_000 });
      await elapse(60_000);
      const second = await cache.increment('count', 3, 100_000);
      expect(second.value).toBe(5);
      expect(second.expiresInMs).toBeLessThanOrEqual(40_000);
      expect(await cache.get('count')).toBe('5');
      await elapse(60_000);
      expect((await cache.increment('count', 1, 100_000)).value).toBe(1);
    });

    it('loses no increment when many arrive together', async () => {
      const { cache } = opened();
      await Promise.all(Array.from({ length: 200 }, () => cache.increment('count', 1, 10_000)));
      expect(await cache.get('count')).toBe('200');
    });

    it('refuses to count what is no number, and lives without a time', async () => {
      const { cache } = opened();
      await cache.set('text', 'hello', 1000);
      await expect(cache.increment('text', 1, 1000)).rejects.toMatchObject({ kind: 'InvalidArgument', reason: 'not_a_counter' });
      await expect(cache.increment('count', 0.5, 1000)).rejects.toMatchObject({ reason: 'not_a_counter' });
      for (const ttlMs of [0, -1, Number.NaN])
        await expect(cache.set('key', 'value', ttlMs)).rejects.toMatchObject({ reason: 'invalid_ttl' });
    });
  });
}
