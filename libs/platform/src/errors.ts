import type { ErrorKind } from './errors/kinds.js';
import { factsOf, isReason, type Reason, type ReasonOf } from './errors/reasons.js';

/**
 * The one taxonomy of refusals. Services throw these; nothing else crosses a boundary.
 * `reason` is stable and for machines, `message` is one sentence for a person, `retryable` says whether the very same call may succeed later.
 */
export { errorKinds, kindOfGrpcStatus, type ErrorKind } from './errors/kinds.js';
export { isReason, type Reason, type ReasonOf } from './errors/reasons.js';

export type ErrorDetails = {
  /** Path of the offending input, for example `width` or `controlnets[0].weight`. */
  param?: string;
  retryAfterMs?: number;
  retryable?: boolean;
  cause?: unknown;
};

export class TesseraError extends Error {
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;

  constructor(
    readonly kind: ErrorKind,
    readonly reason: Reason,
    message: string,
    { param, retryAfterMs, retryable, cause }: ErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TesseraError';
    this.param = param;
    this.retryAfterMs = retryAfterMs;
    this.retryable = retryable ?? factsOf(reason, kind).retryable;
  }

  get grpcStatus(): number {
    return factsOf(this.reason, this.kind).grpc;
  }

  get httpStatus(): number {
    return factsOf(this.reason, this.kind).http;
  }
}

const maker =
  <Kind extends ErrorKind>(kind: Kind) =>
  (reason: ReasonOf<Kind>, message: string, details?: ErrorDetails) =>
    new TesseraError(kind, reason, message, details);

export const invalidArgument = maker('InvalidArgument');
export const unauthenticated = maker('Unauthenticated');
export const permissionDenied = maker('PermissionDenied');
export const notFound = maker('NotFound');
export const conflict = maker('Conflict');
export const resourceExhausted = maker('ResourceExhausted');
export const failedPrecondition = maker('FailedPrecondition');
export const unavailable = maker('Unavailable');
export const deadlineExceeded = maker('DeadlineExceeded');
export const cancelled = maker('Cancelled');
export const internal = maker('Internal');

/** Of any kind: the registry knows it. */
export const refusal = (reason: Reason, message: string, details?: ErrorDetails): TesseraError =>
  new TesseraError(factsOf(reason).kind, reason, message, details);

/** A refusal that was stored or sent as text, perhaps by another release: its reason stays, and counts as `kind` where this release does not know it. */
export const receivedRefusal = (kind: ErrorKind, reason: string, message: string, details?: ErrorDetails): TesseraError =>
  new TesseraError(isReason(reason) ? factsOf(reason).kind : kind, reason as Reason, message, details);

/** The same refusal under the name that the field has one level up; what names no field stays as it is. */
export function renamed<E>(error: E, param: string | undefined): E | TesseraError {
  if (!(error instanceof TesseraError) || error.param === undefined) return error;
  const { kind, reason, message, retryAfterMs, retryable, cause } = error;
  return new TesseraError(kind, reason, message, {
    retryable,
    cause,
    ...(param === undefined ? {} : { param }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** What an unexpected exception becomes at a boundary: an id that is also in the log, and nothing of its own text. */
export function toTesseraError(
  error: unknown,
  onUnexpected: (incidentId: string, error: unknown) => void,
  newId: () => string,
): TesseraError {
  if (error instanceof TesseraError) return error;
  const incidentId = newId();
  onUnexpected(incidentId, error);
  return internal('internal', `Something went wrong on our side; the log has it under ${incidentId}.`, { cause: error });
}
