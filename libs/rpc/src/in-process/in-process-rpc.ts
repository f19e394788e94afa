import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { BoundedBuffer } from '@tessera/platform/concurrency/bounded-buffer.js';
import { cancelled, resourceExhausted } from '@tessera/platform/errors.js';
import { firstValueFrom } from 'rxjs';
import { CallerMessages } from '../caller-messages.js';
import { fromWireStatus } from '../error-metadata.js';
import { deadlineMsDefault, Rpc, type CallOptions } from '../rpc.js';
import { InProcessCall } from './in-process-call.js';
import type { InProcessStrategy } from './in-process-strategy.js';

/** Messages that a stream may run ahead of its reader; gRPC would stop the writer at its window, in process there is no window. */
const streamBacklogMax = 10_000;

/** A handler that heeds its call waits from here on, until its reader has taken them all; as many as a gRPC stream of Node keeps. */
const streamAheadMax = 16;

/** The bytes are made and read again, so that a mutated request or a reply that is no message fails here as it would on the wire. */
const sent = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): MessageShape<M> =>
  fromBinary(schema, toBinary(schema, create(schema, init)));

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
      const reply = await Promise.race([
        cut,
        this.strategy.invoke(method, sent(method.input, request), call).then((replies) => firstValueFrom(replies)),
      ]);
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
    const received = new BoundedBuffer<MessageShape<O>>({
      itemsMax: streamBacklogMax,
      overflow: () => resourceExhausted('slow_consumer', `The reader of ${method.name} fell ${streamBacklogMax} messages behind.`),
    });
    call.onFailure((error) => received.end(error));
    let subscription: { unsubscribe(): void } | undefined;
    try {
      const replies = await this.strategy.invoke(method, sent(method.input, request), call);
      subscription = replies.subscribe({
        next: (reply) => {
          received.push(sent(method.output, reply as MessageInitShape<O>));
          if (received.size >= streamAheadMax) call.fallBehind();
        },
        error: (error: Error) => received.end(error),
        complete: () => received.end(),
      });
      for (;;) {
        if (received.size === 0) call.catchUp();
        const reply = await received.next();
        if (reply === undefined) break;
        yield reply;
      }
    } catch (error) {
      throw fromWireStatus(error);
    } finally {
      subscription?.unsubscribe();
      call.done();
    }
  }

  async clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    if (options.signal?.aborted) throw callerCancelled();
    const call = new InProcessCall(method.name, options);
    const outgoing = new CallerMessages(messages, (message) => sent(method.input, message));
    try {
      const cut = new Promise<never>((_, reject) => {
        call.onFailure((error) => {
          outgoing.stop();
          reject(error);
        });
      });
      const reply = await Promise.race([
        cut,
        this.strategy.invoke(method, received(outgoing, call), call).then((replies) => firstValueFrom(replies)),
      ]);
      return sent(method.output, reply as MessageInitShape<O>);
    } catch (error) {
      throw outgoing.failure ? outgoing.failure.error : fromWireStatus(error);
    } finally {
      call.done();
      outgoing.stop();
    }
  }

  async close(): Promise<void> {}
}

const callerCancelled = () => cancelled('cancelled', 'The caller cancelled the call.');

/** What the handler asks for, one message at a time. */
async function* received<T, Encoded>(outgoing: CallerMessages<T, Encoded>, call: InProcessCall): AsyncGenerator<Encoded> {
  try {
    for (let message = await outgoing.next(); message !== undefined; message = await outgoing.next()) yield message;
    if (outgoing.hasEnded) return;
    call.cancel();
    throw callerCancelled();
  } finally {
    outgoing.stop();
  }
}
