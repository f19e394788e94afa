import { Injectable } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { jobEnded, jobFailed, lostSight, stillGenerating } from '../errors.js';
import { Generations, type Generation, type ImageRequestInit } from '../generations/generations.js';
import type { ImageJob } from '../generations/image-jobs.js';
import { isFinal, nameOfState } from '../generations/job-states.js';
import type { Caller } from '../keys/keys.js';

export type ImagesCommand = {
  readonly request: ImageRequestInit;
  readonly format: 'url' | 'b64_json';
  readonly idempotencyKey: string;
  /** The client says that it has sent the very same before. */ readonly isRepeat: boolean;
  readonly signal: AbortSignal;
};
export type GeneratedImages = {
  readonly job: ImageJob;
  readonly images: readonly ({ readonly url: string } | { readonly b64_json: string })[];
};

/** OpenAI's own clients give up after ten minutes; proxies do much earlier. */
const patienceMs = 120_000;
const waitSliceMs = 30_000;

/** OpenAI's Images API: one call from words to pictures. */
@Injectable()
export class OpenAiImages {
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(
    private readonly generations: Generations,
    rpc: Rpc,
  ) {
    this.#storage = rpc.client(StorageService);
  }

  /**
   * A client that goes away frees the wait and nothing else: the job goes on. OpenAI's own clients repeat a call that failed, so once there is a job every
   * error is final and names it.
   */
  async generate(caller: Caller, command: ImagesCommand): Promise<GeneratedImages> {
    const job = await this.#submit(caller, command);
    const done = await onceThereIs(job, this.#waitForEnd(caller, job, command.signal));
    if (done.job.state === JobState.FAILED)
      throw jobFailed(job.jobId, done.job.failure?.reason ?? 'job_failed', done.job.failure?.message ?? 'No reason was given.');
    if (done.job.state !== JobState.SUCCEEDED) throw jobEnded(job.jobId, nameOfState(done.job.state));
    const images = await onceThereIs(
      job,
      Promise.all(done.job.images.map((image) => this.#deliver(caller, done, image.imageId, command.format))),
    );
    return { job: done.job, images };
  }

  /** One call is one job; a call that says that it is the repeat of another joins that one's job. */
  async #submit(caller: Caller, { request, idempotencyKey, isRepeat }: ImagesCommand): Promise<ImageJob> {
    try {
      return (await this.generations.submit(caller, request, { idempotencyKey, joinsEqual: isRepeat })).job;
    } catch (error) {
      // Nobody knows whether there is a job now; a key would tell, a repeat without one could be a second job.
      if (error instanceof TesseraError && error.kind === 'DeadlineExceeded' && idempotencyKey === '')
        throw new TesseraError(error.kind, error.reason, error.message, { retryable: false, cause: error });
      throw error;
    }
  }

  async #waitForEnd(caller: Caller, job: ImageJob, signal: AbortSignal): Promise<Generation> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += waitSliceMs) {
      const generation = await this.generations.get(caller, job.jobId, { waitMs: waitSliceMs, signal });
      if (isFinal(generation.job.state)) return generation;
    }
    throw stillGenerating(job.jobId, patienceMs);
  }

  async #deliver(caller: Caller, generation: Generation, imageId: string, format: ImagesCommand['format']) {
    if (format === 'url') return { url: generation.links.get(imageId)?.url ?? '' };
    const pieces: Uint8Array[] = [];
    for await (const { part } of this.#storage.readAsset({ accountId: caller.accountId, assetId: imageId })) {
      if (part.case === 'data') pieces.push(part.value);
    }
    return { b64_json: Buffer.concat(pieces).toString('base64') };
  }
}

/** What would be worth a repeat before a job was made is not any more. */
const onceThereIs = <T>(job: ImageJob, doing: Promise<T>): Promise<T> =>
  doing.catch((error: unknown) => {
    throw error instanceof TesseraError && error.retryable ? lostSight(job.jobId, error) : error;
  });
