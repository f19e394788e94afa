import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { resourceExhausted } from '@tessera/platform/errors.js';
import { tooLarge } from '../object-rules.js';

/** Streams up to here stay in memory until they are sent, which pictures do; longer ones, weights and clips, wait in a file. */
const memoryBytesMax = 8 * 1024 * 1024;

/** A body that has come to its end and is known: S3 wants size and description before the first byte, and only a body that can be read again can be sent again. */
export type Source = {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The bytes, or a stream of them from the beginning. */
  open(): Uint8Array | Readable;
  close(): Promise<void>;
};

export async function collect(body: Uint8Array | AsyncIterable<Uint8Array>, sizeBytesMax: number): Promise<Source> {
  if (body instanceof Uint8Array) {
    if (body.length > sizeBytesMax) throw tooLarge(sizeBytesMax);
    return inMemory(body, createHash('sha256').update(body).digest('hex'));
  }
  const sha256 = createHash('sha256');
  const chunks: Uint8Array[] = [];
  let file: FileHandle | undefined;
  let sizeBytes = 0;
  try {
    for await (const chunk of body) {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) throw tooLarge(sizeBytesMax);
      sha256.update(chunk);
      // A producer may use its buffer again for the next chunk.
      if (file === undefined) chunks.push(Uint8Array.from(chunk));
      if (file === undefined && sizeBytes > memoryBytesMax) {
        file = await namelessFile();
        for (const kept of chunks.splice(0)) await file.writeFile(kept);
      } else await file?.writeFile(chunk);
    }
  } catch (error) {
    await file?.close();
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw resourceExhausted('storage_full', 'There is no space left to receive the file.', { cause: error });
    throw error;
  }
  const digest = sha256.digest('hex');
  return file === undefined ? inMemory(Buffer.concat(chunks), digest) : inFile(file, sizeBytes, digest);
}

const inMemory = (bytes: Uint8Array, sha256: string): Source => ({
  sizeBytes: bytes.length,
  sha256,
  open: () => bytes,
  close: async () => undefined,
});

const inFile = (file: FileHandle, sizeBytes: number, sha256: string): Source => ({
  sizeBytes,
  sha256,
  open: () => createReadStream('', { fd: file, start: 0, end: sizeBytes - 1, autoClose: false }),
  close: () => file.close(),
});

/** Unlinked at once, so that nothing is left of it however this process ends. */
async function namelessFile(): Promise<FileHandle> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tessera-put-'));
  try {
    return await fs.open(path.join(folder, 'body'), 'wx+', 0o600);
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}
