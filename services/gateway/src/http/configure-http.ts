import multipart from '@fastify/multipart';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Config } from '@tessera/platform/config.js';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Callers } from '../keys/callers.js';
import { httpDuration } from '../metrics.js';
import { boundBodies } from './bodies.js';
import { HttpErrors } from './http-errors.js';
import { takeJsonBodies } from './json-body.js';
import { refuseEarly } from './raw-refusals.js';
import type { GatewayRequest } from './request.js';
import { addTracing } from './tracing.js';

/** Pages bring everything with them and talk to this server only; `data:` and `blob:` are previews and downloads. */
const contentSecurityPolicy =
  "default-src 'self'; img-src 'self' data: blob: http: https:; style-src 'self' 'unsafe-inline'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** What the gateway needs of the HTTP server; the host calls it before the application starts. */
export async function configureHttp(app: NestFastifyApplication, config: Config): Promise<void> {
  const server = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const errors = app.get(HttpErrors, { strict: false });
  app.useGlobalFilters(errors);
  // Before the first hook that would refuse a request of another origin, which has no key in its preflight.
  if (config.corsOrigins.length > 0) allowOrigins(app, config.corsOrigins);
  boundBodies(server, app.get(Callers, { strict: false }), errors);
  takeJsonBodies(app, server);
  refuseEarly(server.server);
  addTracing(server);
  addSecurityHeaders(server);
  measure(server);
  await app.register(multipart as never);
  if (config.consoleDir)
    await app.register(fastifyStatic as never, { root: config.consoleDir, prefix: '/', wildcard: false, index: false } as never);
}

/** Pages of these origins may call the API with a key of their own; cookies, which it has none of, are not allowed. */
function allowOrigins(app: NestFastifyApplication, origins: readonly string[]): void {
  app.enableCors({
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after', 'location', 'x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'],
    maxAge: 600,
  });
}

function addSecurityHeaders(server: FastifyInstance): void {
  server.addHook('onSend', (_request, reply: FastifyReply, payload, done) => {
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
    if (String(reply.getHeader('content-type') ?? '').startsWith('text/html'))
      reply.header('content-security-policy', contentSecurityPolicy).header('x-frame-options', 'DENY');
    done(null, payload);
  });
}

function measure(server: FastifyInstance): void {
  server.addHook('onResponse', (request, reply, done) => {
    httpDuration.observe(
      reply.elapsedTime / 1000,
      { method: request.method, route: request.routeOptions.url ?? 'none', status: String(reply.statusCode) },
      (request as GatewayRequest).traceparent,
    );
    done();
  });
}
