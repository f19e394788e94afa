import type {
  DescMessage,
  DescMethod,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { GrpcRpc } from './grpc/grpc-rpc.js';
import { InProcessRpc } from './in-process/in-process-rpc.js';
import { InProcessStrategy } from './in-process/in-process-strategy.js';
import { Rpc, type CallOptions } from './rpc.js';

/** Calls go to this process when it hosts the service, else to whoever answers for it elsewhere. */
class LocalFirstRpc extends Rpc {
  constructor(
    private readonly strategy: InProcessStrategy,
    private readonly local: InProcessRpc,
    private readonly remote: GrpcRpc,
    private readonly standIns: Rpc | undefined,
  ) {
    super();
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>> {
    return this.#route(method).unary(method, request, options);
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>> {
    return this.#route(method).stream(method, request, options);
  }

  clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options?: CallOptions,
  ): Promise<MessageShape<O>> {
    return this.#route(method).clientStream(method, messages, options);
  }

  close(): Promise<void> {
    return this.remote.close();
  }

  #route(method: DescMethod): Rpc {
    if (this.strategy.hosts(method)) return this.local;
    return this.remote.reaches(method) ? this.remote : (this.standIns ?? this.local);
  }
}

/** `strategy` is connected to the Nest application by the host; `addresses` maps full service names to `host:port`; `standIns` are a test's, for services that it leaves out. */
export function openRpc(addresses: ReadonlyMap<string, string>, standIns?: Rpc): { rpc: Rpc; strategy: InProcessStrategy } {
  const strategy = new InProcessStrategy();
  return { strategy, rpc: new LocalFirstRpc(strategy, new InProcessRpc(strategy), new GrpcRpc(addresses), standIns) };
}
