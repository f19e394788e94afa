import { ReadableStream as WebStream } from 'node:stream/web';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { serverSentEvents, type ServerSentEvent } from './event-stream.js';

const text =
  'retry: 1000\n\nid: 1\nevent: state\ndata: {"a":\ndata: 1}\n\n: still here\n\nid: 2\r\nevent: progress\r\ndata:ü\r\n\r\ndata: cut off';
const expected: ServerSentEvent[] = [
  { id: '1', event: 'state', data: '{"a":\n1}' },
  { id: '2', event: 'progress', data: 'ü' },
];

async function readAll(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of serverSentEvents(WebStream.from(chunks) as ReadableStream<Uint8Array>)) events.push(event);
  return events;
}

describe('a stream of server-sent events', () => {
  it('reads events, ignores comments and what is cut off', async () => {
    expect(await readAll([Buffer.from(text)])).toEqual(expected);
  });

  it('does not depend on how the network cuts it', async () => {
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        expect(await readAll(edges.slice(1).map((edge, at) => bytes.subarray(edges[at], edge)))).toEqual(expected);
      }),
    );
  });
});
