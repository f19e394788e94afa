import { describe, expect, it } from '@jest/globals';
import { BoundedBuffer } from './bounded-buffer.js';

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
};

describe('A bounded buffer', () => {
  it('gives items in the order in which they came, to a reader that waits and to one that comes late', async () => {
    const buffer = new BoundedBuffer<number>({ itemsMax: 10 });
    const waiting = buffer.next();
    for (const item of [1, 2, 3]) buffer.push(item);
    expect(await waiting).toBe(1);
    buffer.end();
    expect(await all(buffer)).toEqual([2, 3]);
  });

  it('ends with its error once the items before it are taken, and takes nothing after the first end', async () => {
    const buffer = new BoundedBuffer<number>({ itemsMax: 10 });
    buffer.push(1);
    buffer.end(new Error('the first'));
    buffer.end(new Error('the second'));
    buffer.push(2);
    expect(await buffer.next()).toBe(1);
    await expect(buffer.next()).rejects.toThrow('the first');
  });

  it('ends a reader that waits', async () => {
    const buffer = new BoundedBuffer<number>({ itemsMax: 10 });
    const reading = all(buffer);
    buffer.end();
    expect(await reading).toEqual([]);
  });

  it('drops the oldest item that may be dropped when it is full, and the oldest of all where none may', async () => {
    const buffer = new BoundedBuffer<string>({ itemsMax: 2, mayDrop: (item) => item.startsWith('progress') });
    for (const item of ['state 1', 'progress 1', 'progress 2', 'state 2']) buffer.push(item);
    expect(buffer.hasLost).toBe(false);
    buffer.push('state 3');
    expect(buffer.hasLost).toBe(true);
    buffer.end();
    expect(await all(buffer)).toEqual(['state 2', 'state 3']);
  });

  it('ends with an error when it is full and nothing may be dropped', async () => {
    const buffer = new BoundedBuffer<number>({ itemsMax: 2, overflow: () => new Error('too slow') });
    for (const item of [1, 2, 3]) buffer.push(item);
    expect(buffer.size).toBe(2);
    expect([await buffer.next(), await buffer.next()]).toEqual([1, 2]);
    await expect(buffer.next()).rejects.toThrow('too slow');
  });

  it('stops waiting when the signal aborts, and keeps what comes later', async () => {
    const buffer = new BoundedBuffer<number>({ itemsMax: 2 });
    const over = new AbortController();
    const waiting = buffer.next(over.signal);
    over.abort();
    expect(await waiting).toBeUndefined();
    buffer.push(1);
    expect(await buffer.next(over.signal)).toBeUndefined();
    expect(await buffer.next()).toBe(1);
  });
});
