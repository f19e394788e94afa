import type { Metadata } from '@grpc/grpc-js';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { isTraceparent, withTraceparent } from '@tessera/platform/trace.js';
import { Observable } from 'rxjs';

/** Makes the caller's trace context current in a gRPC handler; in process it is current already. */
@Injectable()
export class TraceInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'rpc') return next.handle();
    const traceparent = context.getArgByIndex<Metadata | undefined>(1)?.get?.('traceparent')[0]?.toString();
    if (!isTraceparent(traceparent)) return next.handle();
    return new Observable((subscriber) => withTraceparent(traceparent, () => next.handle().subscribe(subscriber)));
  }
}
