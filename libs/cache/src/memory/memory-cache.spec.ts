import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@tessera/platform/clock.js';
import { describeCacheConformance } from '../cache.conformance.js';
import { openCache } from '../open-cache.js';
import { entriesMax } from './memory-cache.js';

describeCacheConformance('memory', async () => {
  const clock = new ManualClock();
  const cache = await openCache({ clock });
  return { cache, elapse: async (ms) => clock.advance(ms), close: async () => cache.close() };
});

describe('memory: bounds', () => {
  it('makes room by dropping what has expired before what is still alive', async () => {
    const clock = new ManualClock();
    const cache = await openCache({ clock });
    await cache.set('alive', 'oldest of all', 10_000);
    for (let i = 1; i < entriesMax; i++) await cache.set(`short-${i}`, 'x', 100);
    clock.advance(200);
    await cache.set('one more', 'x', 100);
    expect(await cache.get('alive')).toBe('oldest of all');
    expect(await cache.get('one more')).toBe('x');
  });

  it('drops the oldest when nothing has expired', async () => {
    const cache = await openCache({ clock: new ManualClock() });
    for (let i = 0; i <= entriesMax; i++) await cache.set(`key-${i}`, 'x', 10_000);
    expect(await cache.get('key-0')).toBeUndefined();
    expect(await cache.get('key-1')).toBe('x');
  });
});
