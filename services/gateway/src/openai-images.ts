import { Injectable } from '@nestjs/common';
import { JobState } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { jobEnded, jobFailed, stillPainting } from './errors.js';
import { Generations, type Generation, type ImageRequestInit } from './generations.js';
import type { ImageJob } from './image-jobs.js';
import { isFinal, nameOfState } from './job-states.js';
import type { Caller } from './keys.js';

export type ImagesCommand = { readonly request: ImageRequestInit; readonly format: 'url' | 'b64_json'; readonly idempotencyKey: string; /** The client says that it has sent the very same before. */ readonly isRepeat: boolean; readonly signal: AbortSignal };
export type PaintedImages = { readonly job: ImageJob; readonly images: readonly ({ readonly url: string } | { readonly b64_json: string })[] };

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

  /** A client that goes away frees the wait and nothing else: the job goes on. */
  async generate(caller: Caller, { request, format, idempotencyKey, isRepeat, signal }: ImagesCommand): Promise<PaintedImages> {
    const { job } = await this.generations.submit(caller, request, { idempotencyKey, joinsEqual: isRepeat });
    const done = await this.#waitForEnd(caller, job, signal);
    if (done.job.state === JobState.FAILED) throw jobFailed(done.job.failure?.reason ?? 'job_failed', done.job.failure?.message ?? 'The job failed.');
    if (done.job.state !== JobState.SUCCEEDED) throw jobEnded(nameOfState(done.job.state));
    return { job: done.job, images: await Promise.all(done.job.images.map((image) => this.#deliver(caller, done, image.imageId, format))) };
  }

  async #waitForEnd(caller: Caller, job: ImageJob, signal: AbortSignal): Promise<Generation> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += waitSliceMs) {
      const generation = await this.generations.get(caller, job.jobId, { waitMs: waitSliceMs, signal });
      if (isFinal(generation.job.state)) return generation;
    }
    throw stillPainting(job.jobId, patienceMs);
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
