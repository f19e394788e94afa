import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { pause } from './pause.js';

const tooLongMs = 2_000_000_000;

describe('A pause', () => {
  it('ends when the signal aborts, and at once when it has', async () => {
    const over = new AbortController();
    const pausing = pause(tooLongMs, over.signal);
    over.abort();
    await pausing;
    await pause(tooLongMs, over.signal);
    expect(over.signal.aborted).toBe(true);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    await pause(1, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
