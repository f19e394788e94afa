/**
 * The kinds of refusals are the canonical gRPC codes (https://grpc.io/docs/guides/status-codes/); `http` follows google.rpc.Code's mapping, but for
 * FailedPrecondition: most of those are about state, which is 409; the few about money and plans say 402 in the registry.
 */
export const errorKinds = {
  InvalidArgument: { grpc: 3, http: 400, retryable: false },
  Unauthenticated: { grpc: 16, http: 401, retryable: false },
  PermissionDenied: { grpc: 7, http: 403, retryable: false },
  NotFound: { grpc: 5, http: 404, retryable: false },
  /** The thing exists already, or was changed by somebody else meanwhile. */
  Conflict: { grpc: 10, http: 409, retryable: true },
  /** A limit; `retryAfterMs` says when to come back. */
  ResourceExhausted: { grpc: 8, http: 429, retryable: true },
  /** Payment, plan or state does not allow it; repeating does not help until that changes. */
  FailedPrecondition: { grpc: 9, http: 409, retryable: false },
  Unavailable: { grpc: 14, http: 503, retryable: true },
  DeadlineExceeded: { grpc: 4, http: 504, retryable: true },
  Cancelled: { grpc: 1, http: 499, retryable: false },
  Internal: { grpc: 13, http: 500, retryable: false },
} as const satisfies Record<string, { grpc: number; http: number; retryable: boolean }>;

export type ErrorKind = keyof typeof errorKinds;

const alreadyExists = 6;
const outOfRange = 11;
const kindByGrpcStatus = new Map<number, ErrorKind>(Object.entries(errorKinds).map(([kind, { grpc }]) => [grpc, kind as ErrorKind]));

/** ALREADY_EXISTS (6), ABORTED (10) and OUT_OF_RANGE (11) fold into the nearest kind; unknown codes are Internal. */
export function kindOfGrpcStatus(status: number): ErrorKind {
  if (status === alreadyExists) return 'Conflict';
  if (status === outOfRange) return 'InvalidArgument';
  return kindByGrpcStatus.get(status) ?? 'Internal';
}
