import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  ModelStreamInferResponseSchema,
  type ModelInferResponse,
  type ModelInferRequest,
  type ModelStreamInferResponse,
} from '@tessera/contracts/inference/grpc_service_pb.js';
import { cancelled, internal, receivedRefusal, TesseraError, unavailable, type ErrorKind } from '@tessera/platform/errors.js';
import { traceHeaders } from '@tessera/platform/telemetry/propagation.js';
import { startSpan } from '@tessera/platform/telemetry/span.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { engineEvent, type Task } from './contract.js';
import type { Answer } from './remote-tasks.js';
import { packTensors, type Bundle } from './tensor-bundle.js';

/** Triton's model in deploy/triton. */
export const modelName = 'diffusion';
/** Room for an adapter of 256 MiB, or for eight pictures of 1536 px with their init images and guides, in one message. */
const messageBytesMax = 320 * 1024 * 1024;
/** The model sends `alive` every five seconds; after a silence of this length the request is lost, even if Triton reports healthy. */
const silenceMsMax = 60_000;
const answerWithinMs = 5_000;

const channelOptions = {
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

/** One connection to a Triton over KServe's protocol (https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol), which reconnects with back-off. */
export class TritonClient {
  readonly #client: Client;
  readonly url: string;

  /** `host:port`, or with `https:` for TLS. */
  constructor(address: string) {
    this.url = address.includes('://') ? address : `http://${address}`;
    const { protocol, host } = new URL(this.url);
    this.#client = new Client(host, protocol === 'https:' ? credentials.createSsl() : credentials.createInsecure(), channelOptions);
  }

  /** Resolves when the server can be reached; a server that is not there is waited for. */
  reachable(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#client.waitForReady(Date.now() + withinMs, (error) => (error ? reject(error) : resolve())),
    );
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      const serialize = (init: MessageInitShape<I>) => Buffer.from(toBinary(method.input, create(method.input, init)));
      this.#client.makeUnaryRequest(
        pathOf(method),
        serialize,
        (wire) => fromBinary(method.output, wire),
        request,
        { deadline: Date.now() + answerWithinMs },
        (error, reply) => (reply ? resolve(reply) : reject(error ?? new Error('no answer'))),
      );
    });
  }

  /** One task and all that comes of it, on a stream of its own: many run side by side over the connection. Aborting the signal cancels the task in Triton. */
  async *run(task: Task, tensors: Bundle, signal: AbortSignal): AsyncGenerator<Answer> {
    const stopped = () => cancelled('painting_cancelled', 'The painting was cancelled.');
    if (signal.aborted) throw stopped();
    const { modelStreamInfer } = GRPCInferenceService.method;
    const span = startSpan(pathOf(modelStreamInfer).slice(1), {
      kind: 'client',
      attributes: {
        'rpc.system.name': 'grpc',
        'rpc.method': pathOf(modelStreamInfer).slice(1),
        'server.address': this.url,
        'tessera.triton.task': task.task,
      },
    });
    const stream = this.#client.makeBidiStreamRequest(
      pathOf(modelStreamInfer),
      (request: ModelInferRequest) => Buffer.from(toBinary(ModelInferRequestSchema, request)),
      (wire) => fromBinary(ModelStreamInferResponseSchema, wire),
      traced(span.traceparent ?? currentTraceparent()),
    );
    const onAbort = () => stream.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    const silence = new Silence(stream);
    try {
      stream.write(requestOf(task, tensors));
      stream.end();
      for await (const response of stream as AsyncIterable<ModelStreamInferResponse>) {
        silence.broken();
        if (signal.aborted) throw stopped();
        if (response.errorMessage !== '') throw errorFromModel(response.errorMessage);
        if (!response.inferResponse) continue;
        const answer = answerOf(response.inferResponse);
        if (answer && answer.event.type !== 'alive') yield answer;
      }
    } catch (error) {
      span.fail(error);
      if (signal.aborted) throw stopped();
      throw error instanceof TesseraError ? error : this.#lost(error, silence.wasTooLong);
    } finally {
      signal.removeEventListener('abort', onAbort);
      silence.end();
      stream.cancel();
      span.end();
    }
  }

  close(): void {
    this.#client.close();
  }

  #lost(error: unknown, wasSilent: boolean): TesseraError {
    const { code, details } = error as ServiceError;
    if (code === status.RESOURCE_EXHAUSTED)
      return internal('painting_failed', `A message to or from Triton is larger than ${messageBytesMax} bytes.`, { cause: error });
    if (code === status.NOT_FOUND || code === status.INVALID_ARGUMENT)
      return unavailable('engine_unavailable', `Triton at ${this.url} does not take our requests: ${details}`, { cause: error });
    const what = wasSilent ? `has been silent for ${silenceMsMax / 1000} s` : 'does not answer';
    return unavailable('engine_unavailable', `Triton at ${this.url} ${what}; it is connected to again as soon as it does.`, {
      cause: error,
    });
  }
}

/** Cancels a stream on which nothing comes any more. */
class Silence {
  wasTooLong = false;
  readonly #timer: NodeJS.Timeout;

  constructor(stream: ClientDuplexStream<ModelInferRequest, ModelStreamInferResponse>) {
    this.#timer = setTimeout(() => {
      this.wasTooLong = true;
      stream.cancel();
    }, silenceMsMax);
  }

  broken(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Triton's own spans (`--trace-config mode=opentelemetry`) continue the job's trace. */
function traced(traceparent: string | undefined): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(traceHeaders(traceparent))) metadata.set(name, value);
  return metadata;
}

const pathOf = ({ parent, name }: { parent: { typeName: string }; name: string }) => `/${parent.typeName}/${name}`;

function requestOf(task: Task, tensors: Bundle): ModelInferRequest {
  const block = tensors.size === 0 ? new Uint8Array() : packTensors(tensors);
  const text = Buffer.from(JSON.stringify(task));
  // A string of the protocol is its length, four bytes, little-endian, and its bytes.
  const string = Buffer.alloc(4 + text.length);
  string.writeUInt32LE(text.length);
  text.copy(string, 4);
  return create(ModelInferRequestSchema, {
    modelName,
    inputs: [
      { name: 'task', datatype: 'BYTES', shape: [1n] },
      { name: 'tensors', datatype: 'UINT8', shape: [BigInt(block.length)] },
    ],
    rawInputContents: [string, block],
  });
}

/** None for the empty response that ends a request. */
function answerOf({ outputs, rawOutputContents }: ModelInferResponse): Answer | undefined {
  const of = (name: string) => rawOutputContents[outputs.findIndex((output) => output.name === name)];
  const event = of('event');
  if (!event) return undefined;
  return { event: engineEvent.parse(JSON.parse(Buffer.from(event.subarray(4)).toString())), payload: of('payload') ?? new Uint8Array() };
}

const reportedKinds: readonly ErrorKind[] = ['InvalidArgument', 'Unavailable', 'Cancelled', 'Internal'];

/** Our model says `Kind/reason: sentence`; anything else is Triton's own, when the process of the model has died. */
function errorFromModel(message: string): TesseraError {
  const [, reportedKind, reason = '', sentence = ''] = /(\w+)\/([a-z_]+): (.*)$/s.exec(message) ?? [];
  const kind = reportedKinds.find((known) => known === reportedKind);
  if (kind) return receivedRefusal(kind, reason, sentence);
  return unavailable('engine_unavailable', 'The process of the model has died in Triton, which starts another.', {
    cause: new Error(message),
  });
}
