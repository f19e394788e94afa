import { isTracing } from '@tessera/platform/telemetry/span.js';
import { streamSpan, unarySpan } from './call-spans.js';
import type {
  DescMessage,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';

export type CallOptions = {
  /** Milliseconds from now after which the call fails with DeadlineExceeded. Default `deadlineMsDefault` for unary calls, none for streams. */
  readonly deadlineMs?: number;
  /** Aborting it cancels the call on both sides. */
  readonly signal?: AbortSignal;
};

/** Long enough for a busy machine, short enough that a stuck peer is noticed. */
export const deadlineMsDefault = 30_000;

/**
 * A typed client made of a service descriptor: unary methods answer a promise, server streams an async iterable; client streams take an async iterable and answer a promise.
 * Streams in both directions do not exist here.
 */
export type RpcClient<S extends DescService> = {
  [K in keyof S['method']]: S['method'][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : S['method'][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : S['method'][K] extends DescMethodClientStreaming<infer I, infer O>
        ? (messages: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : never;
};

/**
 * The seam between services: a call leaves one module and reaches another, in this process or over gRPC. Deadline, cancellation and trace context travel in both,
 * and errors arrive as the TesseraError that the handler threw.
 */
export abstract class Rpc {
  abstract unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  abstract stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  /**
   * Each message is asked for when the handler has room for it, at most some dozens ahead. What `messages` throws cancels the call and is thrown as it is; once the call has ended,
   * `messages` is returned.
   */
  abstract clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;

  /** Closes what is open to other processes. */
  abstract close(): Promise<void>;

  client<S extends DescService>(service: S): RpcClient<S> {
    const methods = service.methods.map((method) => {
      if (method.methodKind === 'unary') return [method.localName, this.#unaryOf(method as DescMethodUnary)];
      if (method.methodKind === 'server_streaming') return [method.localName, this.#streamOf(method as DescMethodServerStreaming)];
      if (method.methodKind === 'client_streaming') return [method.localName, this.#clientStreamOf(method as DescMethodClientStreaming)];
      throw new Error(`${service.typeName}/${method.name}: streams in both directions are not supported`);
    });
    return Object.fromEntries(methods) as RpcClient<S>;
  }

  #unaryOf(method: DescMethodUnary) {
    return (request: MessageInitShape<DescMessage>, options?: CallOptions) => {
      const call = () => this.unary(method, request, options);
      return isTracing() ? unarySpan(method, call) : call();
    };
  }

  #clientStreamOf(method: DescMethodClientStreaming) {
    return (messages: AsyncIterable<MessageInitShape<DescMessage>>, options?: CallOptions) => {
      const call = () => this.clientStream(method, messages, options);
      return isTracing() ? unarySpan(method, call) : call();
    };
  }

  #streamOf(method: DescMethodServerStreaming) {
    return (request: MessageInitShape<DescMessage>, options?: CallOptions) => {
      const call = () => this.stream(method, request, options);
      return isTracing() ? streamSpan(method, call) : call();
    };
  }
}
