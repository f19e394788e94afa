import type { DescMethod } from '@bufbuild/protobuf';
import { inSpan, startSpan, type Attributes } from '@tessera/platform/telemetry/span.js';
import { withTraceparent } from '@tessera/platform/trace.js';

/** As the semantic conventions name calls, in process as over gRPC: the handlers are the same. */
export const callName = (service: string, method: string): string => `${service}/${method}`;
export const callAttributes = (service: string, method: string): Attributes => ({
  'rpc.system.name': 'grpc',
  'rpc.method': callName(service, method),
});

const nameOf = ({ parent, name }: DescMethod): [string, string] => [parent.typeName, name];

/** The client's span of a call. Nothing is recorded for calls that no request has caused, such as a worker's wait for jobs. */
export function unarySpan<T>(method: DescMethod, call: () => Promise<T>): Promise<T> {
  return inSpan(callName(...nameOf(method)), callAttributes(...nameOf(method)), call, { kind: 'client' });
}

/** From the first to the last message. Every step of the stream runs in the span's context: an async generator runs in the context of the caller of its `next`. */
export async function* streamSpan<T>(method: DescMethod, call: () => AsyncIterable<T>): AsyncGenerator<T> {
  const span = startSpan(callName(...nameOf(method)), { kind: 'client', attributes: callAttributes(...nameOf(method)) });
  const inside = <R>(run: () => R): R => withTraceparent(span.traceparent, run);
  const items = inside(() => call()[Symbol.asyncIterator]());
  let messages = 0;
  try {
    for (;;) {
      const next = await inside(() => items.next());
      if (next.done) return;
      messages += 1;
      yield next.value;
    }
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    await inside(() => items.return?.());
    span.set({ 'tessera.rpc.messages': messages });
    span.end();
  }
}
