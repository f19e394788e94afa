import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, DurationSchema } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@tessera/contracts/google/rpc/error_details_pb.js';
import { StatusSchema } from '@tessera/contracts/google/rpc/status_pb.js';
import type { TesseraError } from '@tessera/platform/errors.js';
import { pageOf } from '@tessera/platform/errors/reasons.js';

/** Where clients of every language look for a google.rpc.Status (https://google.aip.dev/193). */
export const statusDetailsKey = 'grpc-status-details-bin';

const domain = 'tessera';

/** `reason` is upper case as google.rpc wants it; `metadata.type` is the same word as REST has it. */
export function statusDetailsOf(error: TesseraError, code: number, requestId: string): Buffer {
  const { kind, reason, message, param, retryable, retryAfterMs } = error;
  const metadata = {
    type: reason,
    doc: pageOf(reason),
    retryable: String(retryable),
    request_id: requestId,
    ...(param === undefined ? {} : { param }),
  };
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: reason.toUpperCase(), domain, metadata })),
    ...(kind === 'InvalidArgument' && param !== undefined
      ? [
          anyPack(
            BadRequestSchema,
            create(BadRequestSchema, { fieldViolations: [{ field: param, description: message, reason: reason.toUpperCase() }] }),
          ),
        ]
      : []),
    ...(retryAfterMs === undefined ? [] : [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationOf(retryAfterMs) }))]),
  ];
  return Buffer.from(toBinary(StatusSchema, create(StatusSchema, { code, message, details })));
}

const durationOf = (ms: number) =>
  create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1_000_000) });
