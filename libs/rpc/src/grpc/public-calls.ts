import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Metadata, ResponderBuilder, ServerInterceptingCall, ServerListenerBuilder, status, type ServerInterceptor } from '@grpc/grpc-js';
import { renamed, toTesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { isTracing } from '@tessera/platform/telemetry/span.js';
import { isTraceparent, newTraceparent, traceIdOf } from '@tessera/platform/trace.js';
import { statusDetailsKey, statusDetailsOf } from '../error-details.js';
import { fromWireStatus, toWireStatus } from '../error-metadata.js';

export const requestIdKey = 'x-request-id';
const traceparentKey = 'traceparent';

/** The path of a field as callers of the method write it; undefined when they cannot have written it. */
export type ParamOf = (method: DescMethod, param: string) => string | undefined;

/**
 * What calls from the outside world get beyond those between services: the request id, which is the trace id, as trailing metadata of every answer, and
 * refusals with google.rpc details that name fields as the caller wrote them; and the key is looked at before anything else.
 */
export function publicCalls(
  contracts: readonly DescService[],
  paramOf: ParamOf,
  /** Rejects who may not call, before the message is read: it may be packed, and unpacking costs. */
  mayCall: (authorization: string | undefined) => Promise<unknown>,
  logger: Logger,
): ServerInterceptor {
  const methods = new Map(contracts.flatMap((service) => service.methods.map((method) => [`/${service.typeName}/${method.name}`, method])));
  return ({ path }, call) => {
    const method = methods.get(path);
    if (!method) return new ServerInterceptingCall(call);
    let received = new Metadata();
    return new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withStart((next) =>
          next(
            new ServerListenerBuilder()
              .withOnReceiveMetadata((metadata, pass) => {
                received = metadata;
                // Where spans are recorded, the span of the call begins the trace.
                if (traceparentIn(metadata) === undefined && !isTracing()) metadata.set(traceparentKey, newTraceparent());
                mayCall(metadata.get('authorization')[0]?.toString()).then(
                  () => pass(metadata),
                  (error: unknown) => {
                    const requestId = traceIdOf(traceparentIn(metadata) ?? newTraceparent());
                    const answered = toWireStatus(
                      toTesseraError(
                        error,
                        (incidentId, cause) => logger.error({ incidentId, err: cause }, 'a call failed unexpectedly'),
                        () => requestId,
                      ),
                    );
                    const trailers = refusalMetadata(answered, requestId, (param) => paramOf(method, param));
                    trailers.set(requestIdKey, requestId);
                    call.sendStatus({ ...answered, metadata: trailers });
                  },
                );
              })
              .build(),
          ),
        )
        .withSendStatus((answered, next) => {
          const requestId = traceIdOf(traceparentIn(received) ?? newTraceparent());
          const metadata =
            answered.code === status.OK
              ? (answered.metadata ?? new Metadata())
              : refusalMetadata(answered, requestId, (param) => paramOf(method, param));
          metadata.set(requestIdKey, requestId);
          next({ ...answered, metadata });
        })
        .build(),
    );
  };
}

function traceparentIn(metadata: Metadata): string | undefined {
  const sent = metadata.get(traceparentKey)[0]?.toString();
  return isTraceparent(sent) ? sent : undefined;
}

function refusalMetadata(
  answered: { code: number; details: string; metadata?: Metadata | null },
  requestId: string,
  paramOf: (param: string) => string | undefined,
): Metadata {
  const answer = fromWireStatus(answered);
  const refusal = answer.param === undefined ? answer : renamed(answer, paramOf(answer.param));
  const { metadata } = toWireStatus(refusal);
  metadata.set(statusDetailsKey, statusDetailsOf(refusal, answered.code, requestId));
  return metadata;
}
