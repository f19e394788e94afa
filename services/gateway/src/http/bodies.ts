import { HttpException, NotFoundException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Callers } from '../keys/callers.js';
import type { HttpErrors } from './http-errors.js';

/** For a body of JSON, which has at most a megabyte. Forms bring pictures over slow lines and have the server's own deadline. */
const jsonBodyMs = 30_000;

/** What is left unread of a longer body is not worth waiting for: the connection goes with the refusal. */
const readToTheEndBytes = 64 * 1024;

/**
 * Who has no key that works is told so before the first byte of a body is taken in, and so is who calls what is not there; a body that does not come to its end is given up.
 * The guard of a route asks for the key again, for requests without a body, too.
 */
export function boundBodies(server: FastifyInstance, callers: Callers, errors: HttpErrors): void {
  server.addHook('onRequest', async (request, reply) => {
    if (!hasBody(request)) return undefined;
    try {
      if (request.is404) throw new NotFoundException();
      if (needsKey(request)) await callers.authenticate(request.headers.authorization);
    } catch (error) {
      if (!(Number(request.headers['content-length']) <= readToTheEndBytes)) reply.header('connection', 'close');
      errors.answer(error, request, reply);
      return reply;
    }
    if (!/^multipart\//i.test(request.headers['content-type'] ?? '')) giveUpAfter(jsonBodyMs, request, reply, errors);
    return undefined;
  });
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const needsKey = ({ url, routeOptions }: FastifyRequest): boolean =>
  /^\/(?:api|v1)\//.test(url) && (routeOptions.config as { withoutKey?: boolean }).withoutKey !== true;

function giveUpAfter(ms: number, request: FastifyRequest, reply: FastifyReply, errors: HttpErrors): void {
  const timer = setTimeout(() => {
    reply.raw.once('finish', () => request.raw.socket.destroySoon());
    errors.answer(new HttpException(`The body took longer than ${ms / 1_000} seconds.`, 408), request, reply.header('connection', 'close'));
  }, ms).unref();
  const done = () => clearTimeout(timer);
  request.raw.once('end', done).once('close', done);
}
