import { callersTraceparent } from '@tessera/platform/telemetry/propagation.js';
import { startSpan } from '@tessera/platform/telemetry/span.js';
import { newTraceparent, withTraceparent } from '@tessera/platform/trace.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { requestIdOf, type GatewayRequest } from './request.js';

/** Asked every few seconds by machines, and nobody's trace. */
const untraced = new Set(['/healthz', '/readyz', '/metrics']);

/** Every request belongs to a trace, the client's if it names one; the answer says which, and so does everything that the request causes. */
export function addTracing(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    const known = request as GatewayRequest;
    const given = callersTraceparent((name) => headerOf(request, name));
    if (!untraced.has(request.routeOptions.url ?? '')) begin(known, reply, given);
    known.traceparent ??= given ?? newTraceparent();
    reply.header('x-request-id', requestIdOf(request)).header('x-trace-id', requestIdOf(request));
    done();
  });
  // Only after the body was read: the context would be lost in its events.
  server.addHook('preValidation', (request, _reply, done) => withTraceparent((request as GatewayRequest).traceparent, done));
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const sent = headers[name];
  return typeof sent === 'string' ? sent : undefined;
}

/** The span of the request, by the semantic conventions for HTTP servers; it ends with the connection's last word, also for streams and for clients that go away. */
function begin(request: GatewayRequest, reply: FastifyReply, parent: string | undefined): void {
  const route = request.routeOptions.url;
  const span = startSpan(route === undefined ? request.method : `${request.method} ${route}`, {
    kind: 'server',
    parent,
    mayBeRoot: true,
    attributes: {
      'http.request.method': request.method,
      'url.path': request.url.split('?', 1)[0],
      'url.scheme': request.protocol,
      'http.route': route,
      'server.address': request.hostname,
      'user_agent.original': request.headers['user-agent'],
    },
  });
  if (span.traceparent === undefined) return;
  request.traceparent = span.traceparent;
  request.span = span;
  reply.raw.once('close', () => {
    span.set({ 'http.response.status_code': reply.statusCode, 'tessera.account.id': request.caller?.accountId });
    if (reply.statusCode >= 500) span.fail({ reason: String(reply.statusCode), message: 'The request failed on our side.' });
    span.end();
  });
}
