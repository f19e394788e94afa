import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { following } from './json-lines.js';
import { requestIdOf } from './request.js';

/** Proxies cut connections that are silent for a minute or so. */
const heartbeatEveryMs = 15_000;
const reconnectAfterMs = 1_000;
/** Longer than any id of ours. */
const eventIdCharsMax = 100;

/** An event without an id leaves the place to resume from where it was. */
export type ServerSentEvent = { readonly id?: string; readonly type: string; readonly data: unknown };

/** The last event that a client has seen; the header, which browsers send by themselves, wins over the query. */
export function lastEventIdOf({ headers }: FastifyRequest, after: string): string {
  const header = headers['last-event-id'];
  return typeof header === 'string' ? header.slice(0, eventIdCharsMax) : after;
}

/** Server-sent events (WHATWG HTML, section 9.2), at the pace of the client. A refusal can only be told before the stream begins, so the first event is waited for. */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<ServerSentEvent>,
  signal: AbortSignal,
): Promise<void> {
  const rest = events[Symbol.asyncIterator]();
  const first = await rest.next();
  reply.hijack();
  const { raw } = reply;
  raw.on('error', () => {}); // The socket has gone; `signal` tells the producer.
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestIdOf(request),
  });
  raw.write(`retry: ${reconnectAfterMs}\n\n`);
  if (request.method === 'HEAD') {
    raw.end();
    return void (await rest.return?.());
  }
  const heartbeat = setInterval(() => {
    if (!raw.writableNeedDrain) raw.write(': still here\n\n');
  }, heartbeatEveryMs);
  try {
    for await (const event of following(first, rest)) {
      const hasRoom = raw.write(blockOf(event));
      if (!hasRoom) await once(raw, 'drain', { signal });
    }
  } catch {
    // The stream breaks off; the client resumes after the last id it saw.
  } finally {
    clearInterval(heartbeat);
    raw.end();
    await rest.return?.();
  }
}

const blockOf = ({ id, type, data }: ServerSentEvent): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
