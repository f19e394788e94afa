/**
 * The one taxonomy of refusals. Services throw these; nothing else crosses a boundary.
 * `reason` is stable and for machines, `message` is one sentence for a person, `retryable` says whether the very same call may succeed later.
 * The kinds are the canonical gRPC codes (https://grpc.io/docs/guides/status-codes/); `http` follows google.rpc.Code's mapping.
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
  FailedPrecondition: { grpc: 9, http: 402, retryable: false },
  Unavailable: { grpc: 14, http: 503, retryable: true },
  DeadlineExceeded: { grpc: 4, http: 504, retryable: true },
  Cancelled: { grpc: 1, http: 499, retryable: false },
  Internal: { grpc: 13, http: 500, retryable: false },
} as const satisfies Record<string, { grpc: number; http: number; retryable: boolean }>;

export type ErrorKind = keyof typeof errorKinds;

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
    readonly reason: string,
    message: string,
    { param, retryAfterMs, retryable, cause }: ErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TesseraError';
    this.param = param;
    this.retryAfterMs = retryAfterMs;
    this.retryable = retryable ?? errorKinds[kind].retryable;
  }

  get grpcStatus(): number {
    return errorKinds[this.kind].grpc;
  }

  get httpStatus(): number {
    return errorKinds[this.kind].http;
  }
}

const maker = (kind: ErrorKind) => (reason: string, message: string, details?: ErrorDetails) => new TesseraError(kind, reason, message, details);

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

const kindByGrpcStatus = new Map<number, ErrorKind>(Object.entries(errorKinds).map(([kind, { grpc }]) => [grpc, kind as ErrorKind]));

/** ALREADY_EXISTS (6), ABORTED (10) and OUT_OF_RANGE (11) fold into the nearest kind; unknown codes are Internal. */
export function kindOfGrpcStatus(status: number): ErrorKind {
  if (status === 6) return 'Conflict';
  if (status === 11) return 'InvalidArgument';
  return kindByGrpcStatus.get(status) ?? 'Internal';
}

/** What an unexpected exception becomes at a boundary: an id that is also in the log, and nothing of its own text. */
export function toTesseraError(error: unknown, onUnexpected: (incidentId: string, error: unknown) => void, newId: () => string): TesseraError {
  if (error instanceof TesseraError) return error;
  const incidentId = newId();
  onUnexpected(incidentId, error);
  return internal('internal', `Something went wrong on our side; the log has it under ${incidentId}.`, { cause: error });
}
