import { Catch, HttpException, Inject, Injectable, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { internal, toTesseraError, type TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { RpcErrorFilter } from '@tessera/rpc/rpc-error.filter.js';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refusals } from '../metrics.js';
import { RefusalLog } from './refusal-log.js';
import { pathOf, requestIdOf } from './request.js';
import { leonardoBody, openAiBody, refusalOf, retryHeaders } from './error-bodies.js';
import { paramInRest } from './rest-params.js';

/** Everything that goes wrong over HTTP, routing and body parsing included, becomes one typed JSON body: never a stack trace, never someone else's words about our insides. */
@Catch()
@Injectable()
export class HttpErrors implements ExceptionFilter {
  readonly #rpcErrors: RpcErrorFilter;
  readonly #refusals: RefusalLog;

  constructor(@Inject(LOGGER) private readonly logger: Logger) {
    this.#rpcErrors = new RpcErrorFilter(logger);
    this.#refusals = new RefusalLog(logger);
  }

  /** Bound globally, so gRPC handlers of this process may come here too. */
  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType() !== 'http') return this.#rpcErrors.catch(error);
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
    return undefined;
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const requestId = requestIdOf(request);
    const refusal = refusalOf(this.#expected(error, request, requestId), (param) => paramInRest(param, request));
    refusals.inc({ type: refusal.type });
    if (refusal.status < 500) this.#refusals.note(request, refusal, requestId);
    if (refusal.retryAfterMs !== undefined) reply.header('retry-after', String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))));
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer');
    reply.headers(retryHeaders(request.url, refusal));
    const body = request.url.startsWith('/v1/') ? openAiBody(refusal) : leonardoBody(refusal, requestId);
    reply
      .status(refusal.status)
      .header('x-request-id', requestId)
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify(body));
  }

  #expected(error: unknown, request: FastifyRequest, requestId: string): TesseraError | HttpException {
    // The router's own sentence repeats the whole URL, query and all.
    if (error instanceof NotFoundException) return new NotFoundException(`There is no ${request.method} ${pathOf(request.url)} here.`);
    if (error instanceof HttpException) return error.getStatus() < 500 ? error : this.#unexpected(error, requestId);
    if (isClientError(error)) return new HttpException(error.message, error.statusCode);
    return toTesseraError(
      error,
      (incidentId, cause) => this.logger.error({ incidentId, err: cause }, 'a request failed unexpectedly'),
      () => requestId,
    );
  }

  #unexpected(error: HttpException, requestId: string): TesseraError {
    this.logger.error({ incidentId: requestId, err: error }, 'a request failed unexpectedly');
    return internal('internal', `Something went wrong on our side; the log has it under ${requestId}.`);
  }
}

/** Fastify's own refusals carry a status. */
function isClientError(error: unknown): error is Error & { statusCode: number } {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
}
