import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { JobService, type WatchRequest, type WatchResponseSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { streamOf, type RpcCall } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Watches } from './watches.js';

@Controller()
export class WatchController {
  constructor(private readonly watches: Watches) {}

  /** At the pace of its reader: what a slow one has not taken waits in a buffer that has a bound. */
  @GrpcMethod(JobService.typeName)
  watch(
    { accountId, jobId, afterSequence }: WatchRequest,
    _metadata: unknown,
    call: RpcCall,
  ): Observable<MessageInitShape<typeof WatchResponseSchema>> {
    return streamOf(
      (signal) =>
        jobId === ''
          ? this.watches.watchAccount(accountId, afterSequence, signal)
          : this.watches.watch(accountId, jobId, afterSequence, signal),
      call,
    );
  }
}
