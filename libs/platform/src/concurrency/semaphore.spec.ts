import { describe, expect, it } from '@jest/globals';
import { Semaphore } from './semaphore.js';

describe('A semaphore', () => {
  it('gives out as many permits as it has, then one for each that comes back, in the order of asking', async () => {
    const semaphore = new Semaphore(2);
    const acquired: string[] = [];
    const acquire = (name: string) => semaphore.acquire().then(() => acquired.push(name));
    await Promise.all([acquire('a'), acquire('b')]);
    const waiting = [acquire('c'), acquire('d')];
    expect([semaphore.available, semaphore.waiting]).toEqual([0, 2]);
    semaphore.release();
    await waiting[0];
    expect(acquired).toEqual(['a', 'b', 'c']);
    semaphore.release();
    await waiting[1];
    semaphore.release();
    semaphore.release();
    expect(semaphore.available).toBe(2);
  });
});
