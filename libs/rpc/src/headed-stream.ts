import { invalidArgument } from '@tessera/platform/errors.js';

type Message<H = unknown> = {
  readonly part:
    | { readonly case: 'header'; readonly value: H }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | { readonly case: undefined };
};
type HeaderOf<M extends Message> = Extract<M['part'], { readonly case: 'header' }>['value'];

const malformedStream = (message: string) => invalidArgument('malformed_stream', message);

/** Of a client stream that brings a file: its header, and the bytes as they come. InvalidArgument `malformed_stream` when its messages are in another order. */
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
