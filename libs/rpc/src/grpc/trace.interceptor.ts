import type { Metadata } from '@grpc/grpc-js';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { callersTraceparent } from '@tessera/platform/telemetry/propagation.js';
import { isTracing, startSpan } from '@tessera/platform/telemetry/span.js';
import { currentTraceparent, isTraceparent, withTraceparent } from '@tessera/platform/trace.js';
import { Observable } from 'rxjs';
import { callAttributes, callName } from '../call-spans.js';

/** Where Nest keeps what @GrpcMethod was given: a list, of which gRPC handlers have one entry. */
const patternKey = 'microservices:pattern';
/** Between our own services a context is a `traceparent`, whatever the outside world prefers. */
function ours(header: (name: string) => string | undefined): string | undefined {
  const sent = header('traceparent');
  return isTraceparent(sent) ? sent : undefined;
}

type Call = { readonly service: string; readonly rpc: string };

/** Makes the caller's trace context current in a gRPC handler, in process where it is current already, and records the handler's side of the call. */
export class TraceInterceptor implements NestInterceptor {
  readonly #calls = new WeakMap<object, Call>();

  /** `publicServices`: what the outside world may call, where a call may begin a trace. */
  constructor(private readonly publicServices: ReadonlySet<string> = new Set()) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'rpc') return next.handle();
    const metadata = context.getArgByIndex<Metadata | undefined>(1);
    const header = (name: string) => metadata?.get?.(name)[0]?.toString();
    if (isTracing()) return this.#recorded(context, next, metadata, header);
    const given = ours(header);
    if (given === undefined) return next.handle();
    return new Observable((subscriber) => withTraceparent(given, () => next.handle().subscribe(subscriber)));
  }

  #recorded(
    context: ExecutionContext,
    next: CallHandler,
    metadata: Metadata | undefined,
    header: (name: string) => string | undefined,
  ): Observable<unknown> {
    const { service, rpc } = this.#callOf(context.getHandler());
    const isPublic = this.publicServices.has(service);
    const given = isPublic ? callersTraceparent(header) : ours(header);
    const parent = given ?? currentTraceparent();
    return new Observable((subscriber) => {
      const span = startSpan(callName(service, rpc), {
        kind: 'server',
        parent,
        mayBeRoot: isPublic,
        attributes: callAttributes(service, rpc),
      });
      // Whoever answers the call names its trace.
      if (given === undefined && span.traceparent !== undefined) metadata?.set('traceparent', span.traceparent);
      const handling = withTraceparent(span.traceparent ?? parent, () =>
        next.handle().subscribe({
          next: (reply) => subscriber.next(reply),
          error: (error: unknown) => {
            span.fail(error);
            subscriber.error(error);
          },
          complete: () => subscriber.complete(),
        }),
      );
      return () => {
        handling.unsubscribe();
        span.end();
      };
    });
  }

  #callOf(handler: object): Call {
    const known = this.#calls.get(handler);
    if (known) return known;
    const [call] = Reflect.getMetadata(patternKey, handler) as Call[];
    const found = call ?? { service: 'unknown', rpc: 'unknown' };
    this.#calls.set(handler, found);
    return found;
  }
}
