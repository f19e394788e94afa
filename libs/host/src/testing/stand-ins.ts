import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { unavailable } from '@tessera/platform/errors.js';
import { Rpc, type CallOptions } from '@tessera/rpc/rpc.js';

type Handler = (request: unknown, options: CallOptions) => unknown;

/** The bytes are made and read again, as between processes. */
const sent = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): MessageShape<M> =>
  fromBinary(schema, toBinary(schema, create(schema, init)));

/** Answers for services that a spec leaves out: each contract by an object with a function for each method that is needed. */
export class StandIns extends Rpc {
  readonly #handlers = new Map<string, object>();

  constructor(...contracts: readonly (readonly [contract: DescService, handlers: object])[]) {
    super();
    for (const [{ typeName }, handlers] of contracts) this.#handlers.set(typeName, handlers);
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    return sent(method.output, (await this.#invoke(method, request, options)) as MessageInitShape<O>);
  }

  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    for await (const reply of this.#invoke(method, request, options) as AsyncIterable<MessageInitShape<O>>)
      yield sent(method.output, reply);
  }

  async clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    async function* received() {
      for await (const message of messages) yield sent(method.input, message);
    }
    return sent(method.output, (await this.#handlerOf(method)(received(), options)) as MessageInitShape<O>);
  }

  async close(): Promise<void> {}

  #invoke(method: DescMethodUnary | DescMethodServerStreaming, request: unknown, options: CallOptions): unknown {
    return this.#handlerOf(method)(sent(method.input, request as MessageInitShape<DescMessage>), options);
  }

  #handlerOf(method: DescMethodUnary | DescMethodServerStreaming | DescMethodClientStreaming): Handler {
    const handler = (this.#handlers.get(method.parent.typeName) as Record<string, Handler> | undefined)?.[method.localName];
    if (!handler) throw unavailable('service_unavailable', `No stand-in answers ${method.parent.typeName}/${method.name}.`);
    return handler;
  }
}
