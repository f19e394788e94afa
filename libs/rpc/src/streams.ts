import { Observable } from 'rxjs';

/** What Nest hands to a gRPC handler as third argument, as far as handlers may rely on it in both modes. */
export type RpcCall = {
  readonly cancelled: boolean;
  /** Of a server stream: the reader is behind, and `drain` tells when it has caught up. */
  readonly writableNeedDrain?: boolean;
  once(event: 'cancelled' | 'drain', listener: () => void): unknown;
};

/** Aborts when the caller cancels or its deadline passes. */
export function callSignal(call: RpcCall): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.once('cancelled', () => controller.abort());
  return controller.signal;
}

/**
 * A server stream from an async iterable; the signal aborts when the caller goes away. With its call it goes at the pace of its reader, as a stream of bytes must; without, it takes
 * every item at once, and what the reader has not taken yet lies in memory.
 */
export function streamOf<T>(produce: (signal: AbortSignal) => AsyncIterable<T>, call?: RpcCall): Observable<T> {
  return new Observable<T>((subscriber) => {
    const controller = new AbortController();
    const pump = async () => {
      for await (const item of produce(controller.signal)) {
        if (subscriber.closed) return;
        subscriber.next(item);
        if (call?.writableNeedDrain) await drained(call, controller.signal);
      }
      subscriber.complete();
    };
    pump().catch((error: unknown) => {
      if (!subscriber.closed) subscriber.error(error);
    });
    return () => controller.abort();
  });
}

function drained(call: RpcCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
    call.once('drain', done);
  });
}
