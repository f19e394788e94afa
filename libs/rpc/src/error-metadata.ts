import { Metadata, status } from '@grpc/grpc-js';
import { kindOfGrpcStatus, receivedRefusal, TesseraError, type Reason } from '@tessera/platform/errors.js';

/** A TesseraError as gRPC sends it: status code and message, the rest as trailing metadata. */
export type WireStatus = { code: number; details: string; message: string; metadata: Metadata };

const reasonKey = 'tessera-reason';
const paramKey = 'tessera-param';
const retryableKey = 'tessera-retryable';
const retryAfterKey = 'tessera-retry-after-ms';

export function toWireStatus(error: TesseraError): WireStatus {
  const metadata = new Metadata();
  metadata.set(reasonKey, error.reason);
  metadata.set(retryableKey, String(error.retryable));
  if (error.param !== undefined) metadata.set(paramKey, encodeURIComponent(error.param));
  if (error.retryAfterMs !== undefined) metadata.set(retryAfterKey, String(Math.ceil(error.retryAfterMs)));
  return { code: error.grpcStatus, details: error.message, message: error.message, metadata };
}

const isWireStatus = (error: unknown): error is { code: number; details?: string; message?: string; metadata?: Metadata } =>
  typeof error === 'object' && error !== null && typeof (error as { code?: unknown }).code === 'number';

/** What a caller gets; errors of the transport itself (no connection, deadline) become Unavailable, DeadlineExceeded or Cancelled. */
export function fromWireStatus(error: unknown): TesseraError {
  if (error instanceof TesseraError) return error;
  if (!isWireStatus(error)) return new TesseraError('Internal', 'internal', 'The call failed in an unexpected way.', { cause: error });
  const first = (key: string) => error.metadata?.get(key)[0]?.toString();
  const kind = kindOfGrpcStatus(error.code);
  const reason = first(reasonKey);
  if (reason === undefined)
    return new TesseraError(kind, transportReason(error.code), error.details ?? error.message ?? 'The call failed.', { cause: error });
  const param = first(paramKey);
  const retryAfter = first(retryAfterKey);
  return receivedRefusal(kind, reason, error.details ?? error.message ?? reason, {
    retryable: first(retryableKey) === 'true',
    ...(param === undefined ? {} : { param: decodeURIComponent(param) }),
    ...(retryAfter === undefined ? {} : { retryAfterMs: Number(retryAfter) }),
  });
}

function transportReason(code: number): Reason {
  if (code === status.DEADLINE_EXCEEDED) return 'deadline_exceeded';
  if (code === status.CANCELLED) return 'cancelled';
  if (code === status.UNAVAILABLE) return 'service_unavailable';
  if (code === status.UNIMPLEMENTED) return 'unknown_method';
  return 'internal';
}
