import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Answers one JSON object a line, as they come. A refusal can only be told before the stream begins, so the first one is waited for. */
export async function sendJsonLines<T>(reply: FastifyReply, results: AsyncIterable<T>, wire: (result: T) => unknown): Promise<void> {
  const rest = results[Symbol.asyncIterator]();
  const first = await rest.next();
  const lines = async function* (): AsyncGenerator<string> {
    for await (const result of following(first, rest)) yield `${JSON.stringify(wire(result))}\n`;
  };
  await reply.header('content-type', 'application/x-ndjson').send(Readable.from(lines()));
}

export async function* following<T>(first: IteratorResult<T, unknown>, rest: AsyncIterator<T, unknown>): AsyncGenerator<T> {
  for (let result = first; !result.done; result = await rest.next()) yield result.value;
}
