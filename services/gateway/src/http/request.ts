import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpException } from '@nestjs/common';
import { internal, invalidArgument } from '@tessera/platform/errors.js';
import type { Span } from '@tessera/platform/telemetry/span.js';
import { newTraceparent, traceIdOf } from '@tessera/platform/trace.js';
import type { z } from 'zod';
import type { Caller } from '../keys/keys.js';
import { validate } from './schemas/validate.js';

/** What the hooks and the guard add to a request. */
export type GatewayRequest = FastifyRequest & {
  traceparent?: string;
  span?: Span;
  caller?: Caller;
  /** The body as it came, for signatures. */
  rawBody?: Buffer;
};

const idempotencyKey = /^[\x20-\x7e]{1,255}$/;
const waitMsMax = 60_000;

/** The trace id: one name for a request in the answer, the log and the trace. */
export function requestIdOf(request: FastifyRequest): string {
  const known = request as GatewayRequest;
  known.traceparent ??= newTraceparent();
  return traceIdOf(known.traceparent);
}

/** Longer than any path of ours; what somebody made up is told by its beginning. */
const pathCharsMax = 200;

/** Without the query, where signed links and pagination carry what is nobody else's. */
export const pathOf = (url: string): string => (url.split('?', 1)[0] ?? '').slice(0, pathCharsMax);

/** Whom the guard let in. */
export function callerOf(request: FastifyRequest): Caller {
  const { caller } = request as GatewayRequest;
  if (!caller) throw internal('no_caller', 'A route without the key guard asked who calls.');
  return caller;
}

/** JSON only: a form would be read as strings, and its mistakes would be misleading. */
export function bodyOf<T>(schema: z.ZodType<T>, request: FastifyRequest): T {
  const type = request.headers['content-type'];
  if (request.body !== undefined && request.body !== null && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type ?? '')) {
    throw new HttpException('Send the body as application/json.', 415);
  }
  return validate(schema, request.body ?? {});
}

export const queryOf = <T>(schema: z.ZodType<T>, request: FastifyRequest): T => validate(schema, request.query);

/** Empty when none was sent. */
export function idempotencyKeyOf(request: FastifyRequest): string {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return '';
  if (typeof key !== 'string' || !idempotencyKey.test(key)) {
    throw invalidArgument('invalid_idempotency_key', 'An idempotency key is 1 to 255 printable ASCII characters.', {
      param: 'Idempotency-Key',
    });
  }
  return key;
}

/** `Prefer: wait=30` (RFC 7240): seconds; 0 when absent. What is no preference of ours is ignored, as the RFC wants. */
export function preferredWaitMs(request: FastifyRequest): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(String(request.headers['prefer'] ?? '')) ?? [];
  return Math.min(waitMsMax, Number(seconds ?? 0) * 1000);
}

/** Aborts when the client has gone before the answer was complete. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  if (reply.raw.closed || reply.raw.destroyed) controller.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/** OpenAI's clients count their repeats of one call; they repeat what timed out, and send no idempotency key with it. */
export const isRepeat = ({ headers }: FastifyRequest): boolean => /^[1-9]\d*$/.test(String(headers['x-stainless-retry-count'] ?? ''));
