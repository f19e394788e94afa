import { create, fromBinary, toBinary, type DescMessage, type DescMethodServerStreaming, type DescMethodUnary, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { resourceExhausted } from '@tessera/platform/errors.js';
import { firstValueFrom } from 'rxjs';
import { fromWireStatus } from '../error-metadata.js';
import { deadlineMsDefault, Rpc, type CallOptions } from '../rpc.js';
import { InProcessCall } from './in-process-call.js';
import type { InProcessStrategy } from './in-process-strategy.js';

/** Messages that a stream may run ahead of its reader; gRPC would stop the writer at its window, in process there is no window. */
const streamBacklogMax = 10_000;

/** The bytes are made and read again, so that a mutated request or a reply that is no message fails here as it would on the wire. */
const sent = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): MessageShape<M> => fromBinary(schema, toBinary(schema, create(schema, init)));

export class InProcessRpc extends Rpc {
  constructor(private readonly strategy: InProcessStrategy) {
    super();
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { deadlineMs = deadlineMsDefault, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const call = new InProcessCall(method.name, signal ? { deadlineMs, signal } : { deadlineMs });
    try {
      const cut = new Promise<never>((_, reject) => call.onFailure(reject));
      const reply = await Promise.race([cut, this.strategy.invoke(method, sent(method.input, request), call).then((replies) => firstValueFrom(replies))]);
      return sent(method.output, reply as MessageInitShape<O>);
    } catch (error) {
      throw fromWireStatus(error);
    } finally {
      call.done();
    }
  }

  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    const call = new InProcessCall(method.name, options);
    const backlog = new BoundedBuffer<MessageShape<O>>({
      itemsMax: streamBacklogMax,
      overflow: () => resourceExhausted('slow_consumer', `The reader of ${method.name} fell ${streamBacklogMax} messages behind.`),
    });
    call.onFailure((error) => backlog.end(error));
    let subscription: { unsubscribe(): void } | undefined;
    try {
      const replies = await this.strategy.invoke(method, sent(method.input, request), call);
      subscription = replies.subscribe({
        next: (reply) => backlog.push(sent(method.output, reply as MessageInitShape<O>)),
        error: (error) => backlog.end(error as Error),
        complete: () => backlog.end(),
      });
      yield* backlog;
    } catch (error) {
      throw fromWireStatus(error);
    } finally {
      subscription?.unsubscribe();
      call.done();
    }
  }

  async close(): Promise<void> {}
}
