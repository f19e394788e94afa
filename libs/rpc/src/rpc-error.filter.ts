import { Catch, type ExceptionFilter } from '@nestjs/common';
import { newId } from '@tessera/platform/ids.js';
import { toTesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { throwError, type Observable } from 'rxjs';
import { toWireStatus } from './error-metadata.js';

/** Handles every error of a gRPC handler last: refusals are sent as they are, anything unexpected as Internal with an id that is in the log. */
@Catch()
export class RpcErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown): Observable<never> {
    const refusal = toTesseraError(error, (incidentId, cause) => this.logger.error({ incidentId, err: cause }, 'a handler failed unexpectedly'), newId);
    return throwError(() => toWireStatus(refusal));
  }
}
