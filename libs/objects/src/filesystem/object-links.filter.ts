import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { invalidArgument, toTesseraError, type ErrorKind, type TesseraError } from '@tessera/platform/errors.js';
import { pageOf } from '@tessera/platform/errors/reasons.js';
import { newId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import type { FastifyReply } from 'fastify';

/** The slugs that clients of the REST API know. */
const codes: Partial<Record<ErrorKind, string>> = {
  InvalidArgument: 'bad-request',
  PermissionDenied: 'access-denied',
  NotFound: 'not-found',
};

/** Refusals of the HTTP routes in the shape of the REST API: `error`, `path` and `code`, with the stable `type` and `param` beside them. */
@Catch()
export class ObjectLinksFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    // The client has left, or the body has begun: only closing the connection can show the failure.
    if (reply.sent) return;
    const error = toTesseraError(
      refusalOfForm(thrown) ?? thrown,
      (incidentId, cause) => this.logger.error({ incidentId, err: cause }, 'object link failed'),
      newId,
    );
    void reply
      .status(error.httpStatus)
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-store')
      .send({
        error: error.message,
        path: '$',
        code: codes[error.kind] ?? 'unexpected',
        type: error.reason,
        ...(error.param === undefined ? {} : { param: error.param }),
        doc: pageOf(error.reason),
      });
  }
}

/** What the multipart parser and the HTTP server refuse: forms that are cut off, malformed, or have more parts than any real one. */
function refusalOfForm(thrown: unknown): TesseraError | undefined {
  const { statusCode, code, message } = thrown as { statusCode?: number; code?: string; message?: string };
  const isParserError = typeof message === 'string' && /multipart|terminated early|premature|malformed|header/i.test(message);
  const isRefusal = typeof code === 'string' && code.startsWith('FST_') && (statusCode ?? 500) < 500;
  return isRefusal || isParserError ? invalidArgument('malformed_form', 'The form is cut off or malformed.', { cause: thrown }) : undefined;
}
