import { Catch, type ExceptionFilter } from '@nestjs/common';
import { newId } from '@tessera/platform/ids.js';
import { toTesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { throwError, type Observable } from 'rxjs';
import { currentTraceparent, traceIdOf } from '@tessera/platform/trace.js';
import { toWireStatus } from './error-metadata.js';

/** The id that the caller of the first hop gets with its answer, so that one word finds the failure in every log. */
function incidentIdOf(): string {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? newId() : traceIdOf(traceparent);
}

/** The last stop of every error in a gRPC handler: refusals go out as they are, anything unexpected as Internal with an id that is in the log. */
@Catch()
export class RpcErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown): Observable<never> {
    const refusal = toTesseraError(
      error,
      (incidentId, cause) => this.logger.error({ incidentId, err: cause }, 'a handler failed unexpectedly'),
      incidentIdOf,
    );
    return throwError(() => toWireStatus(refusal));
  }
}
