import { Metadata } from '@grpc/grpc-js';
import { GrpcMethodStreamingType, ServerGrpc } from '@nestjs/microservices';
import { unavailable } from '@tessera/platform/errors.js';
import { from, type Observable } from 'rxjs';
import type { DescMethod } from '@bufbuild/protobuf';
import type { RpcCall } from '../streams.js';

type Handler = (request: unknown, metadata: Metadata, call: RpcCall) => Promise<Observable<unknown>> | Observable<unknown>;

/**
 * Runs the very @GrpcMethod handlers that the gRPC server would run, guards, interceptors and filters included, without a socket.
 * It is a ServerGrpc because Nest gives handlers their (request, metadata, call) arguments only under one.
 */
export class InProcessStrategy extends ServerGrpc {
  /** Found once for each method: the pattern is a JSON string. */
  readonly #handlers = new Map<DescMethod, Handler>();

  constructor() {
    super({ package: [], packageDefinition: {} });
  }

  override async listen(done: (error?: unknown) => void): Promise<void> {
    done();
  }

  override async close(): Promise<void> {
    this.#handlers.clear();
  }

  hosts(method: DescMethod): boolean {
    return this.#find(method) !== undefined;
  }

  async invoke(method: DescMethod, request: unknown, call: RpcCall): Promise<Observable<unknown>> {
    const handler = this.#find(method);
    if (!handler)
      throw unavailable(
        'service_unavailable',
        `${method.parent.typeName} is not hosted in this process and has no address in TESSERA_PEERS.`,
      );
    const result = await handler(request, new Metadata(), call);
    return typeof (result as { subscribe?: unknown }).subscribe === 'function' ? result : from([result]);
  }

  #find(method: DescMethod): Handler | undefined {
    const known = this.#handlers.get(method);
    if (known) return known;
    const streaming =
      method.methodKind === 'client_streaming' ? GrpcMethodStreamingType.RX_STREAMING : GrpcMethodStreamingType.NO_STREAMING;
    const pattern = this.createPattern(method.parent.typeName, method.name, streaming);
    const found = this.messageHandlers.get(pattern) as Handler | undefined;
    if (found) this.#handlers.set(method, found);
    return found;
  }
}
