import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Injectable } from '@nestjs/common';
import { ImageRequestSchema, type SubmitRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService, type SubmitResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { ModelRegistry } from '@tessera/models/model-registry.js';
import type { RequestNotice } from '@tessera/models/request-rules.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { computeSpecOf, workOf } from './compute.js';
import { requestMessage } from './image-request.js';
import { digestOf, Requests } from './requests.js';

/** The kind of job that this service submits. */
export const imageKind = 'image';

/** Turns a checked request into a job: what is to be done, how much work that is, and what is priced. */
@Injectable()
export class Submissions {
  readonly #jobs: RpcClient<typeof JobService>;

  constructor(
    private readonly requests: Requests,
    private readonly models: ModelRegistry,
    rpc: Rpc,
  ) {
    this.#jobs = rpc.client(JobService);
  }

  async submit({
    accountId,
    idempotencyKey,
    request: asked,
    memberId,
    project,
    wallet,
    joinsEqual,
  }: SubmitRequest): Promise<{ submitted: SubmitResponse; notices: readonly RequestNotice[] }> {
    const { request, model, notices } = await this.requests.check(accountId, asked);
    const submitted = await this.#jobs.submit({
      accountId,
      kind: imageKind,
      idempotencyKey,
      memberId,
      project,
      wallet,
      work: workOf(request, this.models.poolOf(request.modelId)),
      compute: computeSpecOf(request, model),
      payload: anyPack(ImageRequestSchema, create(ImageRequestSchema, requestMessage(request))),
      labels: { text: request.prompt, modelId: request.modelId },
      requestDigest: asked ? digestOf(asked) : '',
      outputs: request.images,
      // A worker that dies has perhaps paid for the pictures already.
      ...(model.runsOnce ? { terms: { attemptsMax: 1 } } : {}),
      joinsEqual,
    });
    return { submitted, notices };
  }
}
