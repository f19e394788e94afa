import { describe, expect, it } from '@jest/globals';
import { merged, type Source } from './merged.js';

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const silent: Source<number> = async function* (signal) {
  await untilAborted(signal);
  yield* [];
};

const counting = (upTo: number, made: number[] = []): Source<number> =>
  async function* () {
    for (let count = 0; count < upTo; count++) {
      made.push(count);
      yield count;
    }
  };

describe('merged sources', () => {
  it('ends with the first that ends, and stops the others', async () => {
    let isStopped = false;
    const watched: Source<number> = async function* (signal) {
      try {
        yield* silent(signal);
      } finally {
        isStopped = true;
      }
    };
    const items: number[] = [];
    for await (const item of merged([counting(3), watched], new AbortController().signal)) items.push(item);
    expect({ items, isStopped }).toEqual({ items: [0, 1, 2], isStopped: true });
  });

  it('fails with the first that fails', async () => {
    const failing: Source<number> = async function* () {
      yield 1;
      throw new Error('broken');
    };
    const reading = async () => {
      for await (const item of merged([failing, silent], new AbortController().signal)) expect(item).toBe(1);
    };
    await expect(reading()).rejects.toThrow('broken');
  });

  it('lets no source run ahead of the reader', async () => {
    const made: number[] = [];
    for await (const item of merged([counting(100, made), silent], new AbortController().signal)) {
      expect(made.length).toBeLessThanOrEqual(item + 1);
      if (item === 5) break;
    }
    expect(made.length).toBeLessThan(10);
  });

  it('fails with a companion that fails', async () => {
    const failing = () => Promise.reject(new Error('broken'));
    await expect(merged([silent], new AbortController().signal, [failing]).next()).rejects.toThrow('broken');
  });

  it('ends when the signal aborts', async () => {
    const abort = new AbortController();
    const reading = merged([silent], abort.signal, [untilAborted]).next();
    abort.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
  });
});
