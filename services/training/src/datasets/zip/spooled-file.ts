import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { zipTooLarge, zipTooSlow } from '../errors.js';
import { Places } from '../places.js';
import type { ZipSource } from './zip-reader.js';

/** Fifty photographs; larger sets come in several. */
const zipMebibytesMax = 256;
/** Together they fit into the gibibyte that a pod has for temporary files. */
const spooledAtOnce = 3;

/** Whoever is slower holds a place that others wait for. */
const patience = { stallMs: 30_000, wholeMs: 15 * 60_000 };
type Patience = typeof patience;

const places = new Places(spooledAtOnce);

/** Writes a stream into a file without a name, which is gone when `use` has ended, and lets it be read at any place. DeadlineExceeded `request_timeout` when the stream stands. */
export async function withSpooled<T>(
  accountId: string,
  bytes: AsyncIterable<Uint8Array>,
  use: (source: ZipSource) => Promise<T>,
  limits: Patience = patience,
): Promise<T> {
  return places.run(accountId, () => spooled(timely(bytes, limits), use));
}

async function spooled<T>(bytes: AsyncIterable<Uint8Array>, use: (source: ZipSource) => Promise<T>): Promise<T> {
  const name = path.join(os.tmpdir(), `tessera-dataset-${randomUUID()}`);
  const file = await open(name, 'wx+', 0o600);
  try {
    // At once, so that nothing of it is left after a crash.
    await unlink(name);
    let sizeBytes = 0;
    for await (const chunk of bytes) {
      sizeBytes += chunk.length;
      if (sizeBytes > zipMebibytesMax * 1024 * 1024) throw zipTooLarge(zipMebibytesMax);
      await file.writeFile(chunk);
    }
    return await use({
      sizeBytes,
      async read(at, length) {
        const buffer = Buffer.alloc(Math.max(0, Math.min(length, sizeBytes - at)));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        return buffer.subarray(0, bytesRead);
      },
    });
  } finally {
    await file.close();
  }
}

async function* timely(bytes: AsyncIterable<Uint8Array>, { stallMs, wholeMs }: Patience): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const endMs = performance.now() + wholeMs;
  try {
    for (;;) {
      const { value, done } = await within(iterator.next(), Math.min(stallMs, endMs - performance.now()));
      if (done) return;
      yield value;
    }
  } finally {
    // Not awaited: a generator that stands answers only when it goes on.
    void iterator.return?.()?.catch(() => undefined);
  }
}

async function within<T>(next: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(zipTooSlow()), Math.max(0, ms));
  });
  try {
    return await Promise.race([next, late]);
  } finally {
    clearTimeout(timer);
  }
}
