import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { JobService, type WatchRequest, type WatchResponseSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { streamOf } from '@tessera/rpc/streams.js';
import type { Observable } from 'rxjs';
import { Watches } from './watches.js';

@Controller()
export class WatchController {
  constructor(private readonly watches: Watches) {}

  @GrpcMethod(JobService.typeName)
  watch({ accountId, jobId, afterSequence }: WatchRequest): Observable<MessageInitShape<typeof WatchResponseSchema>> {
    return streamOf((signal) => (jobId === '' ? this.watches.watchAccount(accountId, afterSequence, signal) : this.watches.watch(accountId, jobId, afterSequence, signal)));
  }
}
