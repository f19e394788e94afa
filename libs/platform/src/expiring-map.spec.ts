import { describe, expect, it } from '@jest/globals';
import { ManualClock } from './clock.js';
import { ExpiringMap } from './expiring-map.js';

describe('An expiring map', () => {
  const ttlMs = 1_000;
  const clock = new ManualClock();
  const filled = (keys: readonly string[], entriesMax = 3) => {
    const map = new ExpiringMap<string, string>({ clock, ttlMs, entriesMax });
    for (const key of keys) map.set(key, `value of ${key}`);
    return map;
  };
  const found = (map: ExpiringMap<string, string>, keys: readonly string[]) => keys.filter((key) => map.get(key) !== undefined);

  it('gives what was set until it has expired', () => {
    const map = filled(['a']);
    clock.advance(ttlMs - 1);
    expect(map.get('a')).toBe('value of a');
    clock.advance(1);
    expect(map.get('a')).toBeUndefined();
  });

  it('lets an entry that is set again live anew', () => {
    const map = filled(['a']);
    clock.advance(ttlMs - 1);
    map.set('a', 'new');
    clock.advance(ttlMs - 1);
    expect(map.get('a')).toBe('new');
  });

  it('drops the entry that was set longest ago when it is full', () => {
    const map = filled(['a', 'b', 'c']);
    map.set('a', 'again');
    map.set('d', 'new');
    expect(found(map, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd']);
  });

  it('forgets all that has expired when something is set', () => {
    const map = filled(['a', 'b', 'c']);
    clock.advance(ttlMs);
    map.set('d', 'new');
    expect(map.size).toBe(1);
  });

  it('forgets what is deleted', () => {
    const map = filled(['a', 'b']);
    map.delete('a');
    expect(found(map, ['a', 'b'])).toEqual(['b']);
    map.clear();
    expect(map.size).toBe(0);
  });
});
