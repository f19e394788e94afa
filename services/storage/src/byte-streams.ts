import { createHash } from 'node:crypto';
import { digestMismatch, malformedStream } from './errors.js';

type Message<H = unknown> = {
  readonly part:
    | { readonly case: 'header'; readonly value: H }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | { readonly case: undefined };
};
type HeaderOf<M extends Message> = Extract<M['part'], { readonly case: 'header' }>['value'];

const pieceBytesMax = 256 * 1024;

/** What a reader gets in one message, so that it never has to take much at once. */
export function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += pieceBytesMax) yield chunk.subarray(at, at + pieceBytesMax);
}

/** The header of a stream, and its bytes as they come. */
export async function opened<M extends Message>(
  messages: AsyncIterable<M>,
): Promise<{ header: HeaderOf<M>; bytes: AsyncIterable<Uint8Array> }> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done || first.value.part.case !== 'header') throw malformedStream('The first message of the stream is its header.');
  return { header: first.value.part.value as HeaderOf<M>, bytes: bytesOf({ [Symbol.asyncIterator]: () => iterator }) };
}

async function* bytesOf(messages: AsyncIterable<Message>): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part.case !== 'data') throw malformedStream('Every message of the stream but the first one carries bytes.');
    yield part.value;
  }
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
