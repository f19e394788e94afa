import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Metadata } from '@grpc/grpc-js';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  TesseraService,
  type WatchEventsRequest,
  type WatchEventsResponseSchema,
} from '@tessera/contracts/tessera/gateway/v1/gateway_pb.js';
import { streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { generationMessage, previewMessage, progressMessage } from '../generations/grpc-wire.js';
import { Callers, requireAllowance } from '../keys/callers.js';
import type { AccountEvent } from './account-event.js';
import { AccountEvents } from './account-events.js';

type Message = MessageInitShape<typeof WatchEventsResponseSchema>;

/** The same stream as REST has, at the pace of its reader. */
@Controller()
export class EventsGrpcController {
  constructor(
    private readonly events: AccountEvents,
    private readonly callers: Callers,
  ) {}

  @GrpcMethod(TesseraService.typeName)
  watchEvents(request: WatchEventsRequest, metadata: Metadata, call: RpcCall): Observable<Message> {
    return streamOf((signal) => this.#watch(request, metadata.get('authorization')[0]?.toString(), signal), call);
  }

  async *#watch(
    { afterSequence, withPreviews }: WatchEventsRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Message> {
    const caller = await this.callers.authenticate(authorization);
    requireAllowance(await this.callers.admit(caller));
    for await (const event of this.events.watch(caller, { afterSequence, hasPreviews: withPreviews, authorization, signal }))
      yield messageOf(event);
  }
}

function messageOf(event: AccountEvent): Message {
  switch (event.kind) {
    case 'generation':
      return {
        sequence: event.sequence,
        jobId: event.generation.job.jobId,
        event: { case: 'generation', value: generationMessage(event.generation) },
      };
    case 'progress':
      return { sequence: event.sequence, jobId: event.jobId, event: { case: 'progress', value: progressMessage(event.progress) } };
    case 'preview':
      return { sequence: event.sequence, jobId: event.jobId, event: { case: 'preview', value: previewMessage(event.preview) } };
    case 'removed':
      return { sequence: event.sequence, jobId: event.jobId, event: { case: 'removed', value: {} } };
    case 'caughtUp':
      return { sequence: event.sequence, event: { case: 'caughtUp', value: {} } };
    case 'balance':
      return { event: { case: 'balance', value: event.account } };
    case 'queue': {
      const { queuedJobs, runningJobs, accountQueuedJobs, accountRunningJobs, oldestWaitMs } = event.queue;
      return { event: { case: 'queue', value: { queuedJobs, runningJobs, accountQueuedJobs, accountRunningJobs, oldestWaitMs } } };
    }
  }
}
