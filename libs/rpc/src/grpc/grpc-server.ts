import type { Metadata, sendUnaryData, ServerReadableStream } from '@grpc/grpc-js';
import { ServerGrpc } from '@nestjs/microservices';
import { cancelled } from '@tessera/platform/errors.js';
import { lastValueFrom, type Observable } from 'rxjs';
import { untilMarked } from '../end-mark.js';

type Call = ServerReadableStream<object, unknown>;
type Handler = (messages: AsyncIterable<object>, metadata: Metadata, call: Call) => Promise<unknown>;

/**
 * Nest's gRPC server, but for how messages of a client stream reach their handler. Nest pushes them into a subject as fast as they arrive, may swap the first ones, and completes it
 * when the caller has gone away; here the handler asks for each, which keeps the caller from running ahead, and a caller who has gone away is an error.
 */
export class GrpcServer extends ServerGrpc {
  override createRequestStreamMethod(handler: Function, isResponseStream: boolean) {
    if (isResponseStream) throw new Error('streams in both directions are not supported');
    return (async (call: Call, reply: sendUnaryData<unknown>) => {
      // Whoever reads is told; without a listener an error between two reads would end the process.
      call.on('error', () => undefined);
      try {
        const replies = await (handler as Handler)(received(call), call.metadata, call);
        reply(null, await lastValueFrom(this.transformToObservable(replies) as Observable<unknown>));
      } catch (error) {
        reply(error as Error);
      }
    }) as unknown as ReturnType<ServerGrpc['createRequestStreamMethod']>;
  }
}

async function* received(call: Call): AsyncGenerator<object> {
  try {
    yield* untilMarked(call, callerCancelled);
  } catch (error) {
    throw call.cancelled ? callerCancelled() : error;
  }
}

const callerCancelled = () => cancelled('cancelled', 'The caller cancelled the call, or has not ended its messages with an empty one.');
