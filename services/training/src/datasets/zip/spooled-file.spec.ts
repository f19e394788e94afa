import { describe, expect, it } from '@jest/globals';
import { withSpooled } from './spooled-file.js';

const limits = { stallMs: 50, wholeMs: 60_000 };

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** Brings a piece, and then nothing until it is told to. */
function standing() {
  const { promise, resolve } = Promise.withResolvers<void>();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one');
    await promise;
  }
  return { bytes: bytes(), goOn: resolve };
}

describe('a stream that is spooled', () => {
  it('is read at any place, and not beyond its end', async () => {
    const read = await withSpooled('a', pieces('hello ', 'world'), async (source) => [
      source.sizeBytes,
      ...(await Promise.all([source.read(6, 5), source.read(0, 1_000), source.read(20, 5)])).map(String),
    ]);
    expect(read).toEqual([11, 'world', 'hello world', '']);
  });

  it('is given up when it stands, and then the next one of its account is read', async () => {
    const { bytes, goOn } = standing();
    const [first, second] = await Promise.allSettled([
      withSpooled('a', bytes, async () => 'read', limits),
      withSpooled('a', pieces('two'), async ({ sizeBytes }) => sizeBytes),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { kind: 'DeadlineExceeded', reason: 'request_timeout' } });
    expect(second).toEqual({ status: 'fulfilled', value: 3 });
    goOn();
  });

  it('holds up no other account when it stands', async () => {
    const stalls = Array.from({ length: 5 }, standing);
    const waiting = stalls.map(({ bytes }) => withSpooled('a', bytes, async () => 'read'));
    expect(await withSpooled('b', pieces('two'), async ({ sizeBytes }) => sizeBytes)).toBe(3);
    for (const { goOn } of stalls) goOn();
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: 5 }, () => 'read'));
  });
});
