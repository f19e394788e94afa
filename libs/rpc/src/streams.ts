import { Observable } from 'rxjs';

/** What Nest hands to a gRPC handler as third argument, as far as handlers may rely on it in both modes. */
export type RpcCall = {
  readonly cancelled: boolean;
  once(event: 'cancelled', listener: () => void): unknown;
};

/** Aborts when the caller cancels or its deadline passes. */
export function callSignal(call: RpcCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.once('cancelled', () => controller.abort());
  return controller.signal;
}

/** A server stream from an async iterable; the signal aborts when the caller goes away. */
export function streamOf<T>(produce: (signal: AbortSignal) => AsyncIterable<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    const controller = new AbortController();
    const pump = async () => {
      for await (const item of produce(controller.signal)) {
        if (subscriber.closed) return;
        subscriber.next(item);
      }
      subscriber.complete();
    };
    pump().catch((error: unknown) => {
      if (!subscriber.closed) subscriber.error(error);
    });
    return () => controller.abort();
  });
}
