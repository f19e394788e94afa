import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type CallOptions as GrpcCallOptions, type ClientWritableStream } from '@grpc/grpc-js';
import { cancelled } from '@tessera/platform/errors.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { CallerMessages } from '../caller-messages.js';
import { endMark } from '../end-mark.js';
import { fromWireStatus } from '../error-metadata.js';
import { deadlineMsDefault, Rpc, type CallOptions } from '../rpc.js';
import { grpcClientOptions } from './grpc-options.js';

/** Calls over the network. A call waits for a peer that is not up yet, until its deadline. */
export class GrpcRpc extends Rpc {
  readonly #channels = new Map<string, Client>();

  /** `addresses`: full service name to `host:port`. */
  constructor(private readonly addresses: ReadonlyMap<string, string>) {
    super();
  }

  reaches(method: DescMethod): boolean {
    return this.addresses.has(method.parent.typeName);
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { deadlineMs = deadlineMsDefault, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    if (signal?.aborted) return Promise.reject(cancelled('cancelled', 'The caller cancelled the call.'));
    return new Promise((resolve, reject) => {
      const onAbort = () => call.cancel();
      const call = this.#channel(method).makeUnaryRequest(
        path(method),
        serialize(method),
        deserialize(method),
        request,
        metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, reply) => {
          signal?.removeEventListener('abort', onAbort);
          if (error) reject(fromWireStatus(error));
          else if (reply) resolve(reply);
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    { deadlineMs, signal }: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    if (signal?.aborted) throw cancelled('cancelled', 'The caller cancelled the call.');
    const options: GrpcCallOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const call = this.#channel(method).makeServerStreamRequest(
      path(method),
      serialize(method),
      deserialize(method),
      request,
      metadata(),
      options,
    );
    const onAbort = () => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const reply of call) yield reply as MessageShape<O>;
    } catch (error) {
      throw fromWireStatus(error);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      call.cancel();
    }
  }

  async clientStream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    messages: AsyncIterable<MessageInitShape<I>>,
    { deadlineMs, signal }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    if (signal?.aborted) throw cancelled('cancelled', 'The caller cancelled the call.');
    const options: GrpcCallOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const outgoing = new CallerMessages(messages, serialize(method));
    const { promise: reply, resolve, reject } = Promise.withResolvers<MessageShape<O>>();
    const call = this.#channel(method).makeClientStreamRequest(
      path(method),
      (wire: Buffer) => wire,
      deserialize(method),
      metadata(),
      options,
      (error, answer) => {
        outgoing.stop();
        if (error) reject(fromWireStatus(error));
        else if (answer) resolve(answer);
      },
    );
    const onAbort = () => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const [answer] = await Promise.all([reply, send(outgoing, call)]);
      return answer;
    } catch (error) {
      throw outgoing.failure ? outgoing.failure.error : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async close(): Promise<void> {
    for (const channel of this.#channels.values()) channel.close();
  }

  #channel(method: DescMethod): Client {
    const { typeName } = method.parent;
    const address = this.addresses.get(typeName) ?? '';
    const open = this.#channels.get(typeName) ?? new Client(address, credentials.createInsecure(), grpcClientOptions);
    this.#channels.set(typeName, open);
    return open;
  }
}

const path = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

const serialize =
  <I extends DescMessage>(method: { input: I }) =>
  (init: MessageInitShape<I>) =>
    Buffer.from(toBinary(method.input, create(method.input, init)));

const deserialize =
  <O extends DescMessage>(method: { output: O }) =>
  (wire: Uint8Array) =>
    fromBinary(method.output, wire);

/** The next message is asked for once HTTP/2 has taken the one before, which it does at the pace of its reader. */
async function send<T>(outgoing: CallerMessages<T, Buffer>, call: ClientWritableStream<Buffer>): Promise<void> {
  for (let message = await outgoing.next(); message !== undefined; message = await outgoing.next()) {
    const taken = message;
    await outgoing.unlessStopped(new Promise((resolve) => call.write(taken, resolve)));
  }
  if (outgoing.hasEnded) call.end(endMark);
  else call.cancel();
}

function metadata(): Metadata {
  const made = new Metadata({ waitForReady: true });
  const traceparent = currentTraceparent();
  if (traceparent) made.set('traceparent', traceparent);
  return made;
}
