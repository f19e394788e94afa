import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { JobService, type SubmitRequest, type SubmitResponseSchema } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { jobMessage } from '../queue/job-messages.js';
import { Submissions } from './submissions.js';

@Controller()
export class SubmissionController {
  constructor(private readonly submissions: Submissions) {}

  @GrpcMethod(JobService.typeName)
  async submit(request: SubmitRequest): Promise<MessageInitShape<typeof SubmitResponseSchema>> {
    const { job, isReplay, balanceTokens } = await this.submissions.submit(request);
    return { job: jobMessage(job), isReplay, ...(isReplay || balanceTokens === undefined ? {} : { balanceTokens }) };
  }
}
