import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Semaphore } from '@tessera/platform/concurrency/semaphore.js';
import { zipTooLarge } from '../errors.js';
import type { ZipSource } from './zip-reader.js';

/** Fifty photographs; larger sets come in several. */
const zipMebibytesMax = 256;
/** Together they fit into the gibibyte that a pod has for temporary files. */
const spooledAtOnce = 3;
const spooling = new Semaphore(spooledAtOnce);

/** Writes a stream into a file without a name, which is gone when `use` has ended, and lets it be read at any place. */
export async function withSpooled<T>(bytes: AsyncIterable<Uint8Array>, use: (source: ZipSource) => Promise<T>): Promise<T> {
  await spooling.acquire();
  try {
    return await spooled(bytes, use);
  } finally {
    spooling.release();
  }
}

async function spooled<T>(bytes: AsyncIterable<Uint8Array>, use: (source: ZipSource) => Promise<T>): Promise<T> {
  const name = path.join(os.tmpdir(), `tessera-dataset-${randomUUID()}`);
  const file = await open(name, 'wx+', 0o600);
  try {
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
