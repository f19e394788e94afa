import { createHash } from 'node:crypto';
import { digestMismatch } from './errors.js';

const pieceBytesMax = 256 * 1024;

/** What a reader gets in one message, so that it never has to take much at once. */
export function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += pieceBytesMax) yield chunk.subarray(at, at + pieceBytesMax);
}

/** The same bytes; throws after the last one when they are not the ones that were told, so that whoever stores them keeps nothing. Told nothing, it looks at nothing. */
export async function* verified(
  bytes: AsyncIterable<Uint8Array>,
  sha256: string,
  mismatch: () => Error = digestMismatch,
): AsyncGenerator<Uint8Array> {
  if (sha256 === '') return yield* bytes;
  const digest = createHash('sha256');
  for await (const chunk of bytes) {
    digest.update(chunk);
    yield chunk;
  }
  if (digest.digest('hex') !== sha256.toLowerCase()) throw mismatch();
}
