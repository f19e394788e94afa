import type { DescMessage, DescMethod, DescMethodClientStreaming, DescMethodServerStreaming, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { GrpcRpc } from './grpc/grpc-rpc.js';
import { InProcessRpc } from './in-process/in-process-rpc.js';
import { InProcessStrategy } from './in-process/in-process-strategy.js';
import { Rpc, type CallOptions } from './rpc.js';

/** Calls go to this process when it hosts the service, else to the address that is known for it. */
class LocalFirstRpc extends Rpc {
  constructor(
    private readonly strategy: InProcessStrategy,
    private readonly local: InProcessRpc,
    private readonly remote: GrpcRpc,
  ) {
    super();
  }

  unary<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>, request: MessageInitShape<I>, options?: CallOptions): Promise<MessageShape<O>> {
    return this.#route(method).unary(method, request, options);
  }

  stream<I extends DescMessage, O extends DescMessage>(method: DescMethodServerStreaming<I, O>, request: MessageInitShape<I>, options?: CallOptions): AsyncIterable<MessageShape<O>> {
    return this.#route(method).stream(method, request, options);
  }

  clientStream<I extends DescMessage, O extends DescMessage>(method: DescMethodClientStreaming<I, O>, messages: AsyncIterable<MessageInitShape<I>>, options?: CallOptions): Promise<MessageShape<O>> {
    return this.#route(method).clientStream(method, messages, options);
  }

  close(): Promise<void> {
    return this.remote.close();
  }

  #route(method: DescMethod): InProcessRpc | GrpcRpc {
    return !this.strategy.hosts(method) && this.remote.reaches(method) ? this.remote : this.local;
  }
}

/** `strategy` is connected to the Nest application by the host; `addresses` maps full service names to `host:port`. */
export function openRpc(addresses: ReadonlyMap<string, string>): { rpc: Rpc; strategy: InProcessStrategy } {
  const strategy = new InProcessStrategy();
  return { strategy, rpc: new LocalFirstRpc(strategy, new InProcessRpc(strategy), new GrpcRpc(addresses)) };
}
