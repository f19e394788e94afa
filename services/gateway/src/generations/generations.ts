import type { MessageInitShape } from '@bufbuild/protobuf';
import { Injectable } from '@nestjs/common';
import type { Quote } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { GenerationService, type ImageRequest, type ImageRequestSchema } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import { JobService, type Job, type JobPreview, type JobProgress, type Notice } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import { StorageService } from '@tessera/contracts/tessera/storage/v1/storage_pb.js';
import { internal } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { unknownJob, unknownPicture } from '../errors.js';
import { imageJobOf, imageKind, type ImageJob } from './image-jobs.js';
import type { Caller } from '../keys/keys.js';
import { jobsSubmitted } from '../metrics.js';

export type ImageRequestInit = MessageInitShape<typeof ImageRequestSchema>;

/** Where a picture is to be had, and whether somebody has taken it. */
export type PictureLink = { readonly url: string; readonly isAccepted: boolean };

/** A job and links to its pictures, by picture id. */
export type Generation = { readonly job: ImageJob; readonly links: ReadonlyMap<string, PictureLink> };

export type GenerationPage = { readonly generations: readonly Generation[]; /** Empty on the last page. */ readonly nextPageToken: string };

export type Submission = {
  readonly job: ImageJob;
  readonly balanceTokens: number | undefined;
  readonly isReplay: boolean;
  /** What of the request will not act. */
  readonly notices: readonly Notice[];
};

/** A request with every default filled in, and what it would cost. */
export type Priced = { readonly request: ImageRequest; readonly quote: Quote; readonly notices: readonly Notice[] };

/** `joinsEqual`: the caller repeats a call whose answer it never got. */
export type SubmitOptions = { readonly idempotencyKey?: string; readonly joinsEqual?: boolean };

export type GenerationEvent =
  | { readonly kind: 'state'; readonly sequence: string; readonly generation: Generation }
  | { readonly kind: 'progress'; readonly sequence: string; readonly progress: JobProgress }
  | { readonly kind: 'preview'; readonly sequence: string; readonly preview: JobPreview };

/** A day: long enough to look at a page that was left open, short enough that a leaked link dies. */
export const linkExpiryS = 24 * 60 * 60;
/** Links that one answer asks for: 100 jobs of 8 pictures; storage takes no more ids at once than this. */
const linksPerCallMax = 800;
/** What a wait may cost beyond the wait itself. */
const waitMarginMs = 10_000;

const noLinks: ReadonlyMap<string, PictureLink> = new Map();

/** Image jobs as the outside world knows them: whose they are comes from the key, and pictures carry links. */
@Injectable()
export class Generations {
  readonly #generation: RpcClient<typeof GenerationService>;
  readonly #jobs: RpcClient<typeof JobService>;
  readonly #storage: RpcClient<typeof StorageService>;

  constructor(rpc: Rpc) {
    this.#generation = rpc.client(GenerationService);
    this.#jobs = rpc.client(JobService);
    this.#storage = rpc.client(StorageService);
  }

  /** Durable when it answers. The same key with the same request gives the first job again. */
  async submit(
    caller: Caller,
    request: ImageRequestInit,
    { idempotencyKey = '', joinsEqual = false }: SubmitOptions = {},
  ): Promise<Submission> {
    const { accountId, memberId = '', project = '', wallet = '' } = caller;
    const { job, balanceTokens, isReplay, notices } = await this.#generation.submit({
      accountId,
      idempotencyKey,
      request,
      memberId,
      project,
      wallet,
      joinsEqual,
    });
    jobsSubmitted.inc({ replay: String(isReplay) });
    return {
      job: imageJobOf(present(job)),
      balanceTokens: balanceTokens === undefined ? undefined : Number(balanceTokens),
      isReplay,
      notices,
    };
  }

  /** What the request would become and cost; nothing is created. */
  async preview(caller: Caller, request: ImageRequestInit): Promise<Priced> {
    const {
      request: filled,
      quote,
      notices,
    } = await this.#generation.preview({
      accountId: caller.accountId,
      request,
      wallet: caller.wallet ?? '',
    });
    return { request: present(filled), quote: present(quote), notices };
  }

  /** Waits up to `waitMs` for the job to end. */
  async get(caller: Caller, jobId: string, { waitMs = 0, signal }: { waitMs?: number; signal?: AbortSignal } = {}): Promise<Generation> {
    requireId(jobId);
    const options = { deadlineMs: waitMs + waitMarginMs, ...(signal ? { signal } : {}) };
    const { job } = await this.#jobs.get({ accountId: caller.accountId, jobId, waitMs }, options);
    return this.#withLinks(caller, imageJobOf(present(job)));
  }

  /** Newest first. By page token, pages neither repeat nor skip while jobs arrive, and there is no end but that of the data. */
  async list(caller: Caller, page: { limit: number; offset: number; pageToken: string }): Promise<GenerationPage> {
    const found = await this.#jobs.list({ accountId: caller.accountId, ...page, kind: imageKind });
    const jobs = found.jobs.map(imageJobOf);
    const links = await this.#sign(caller, jobs);
    return { generations: jobs.map((job) => ({ job, links })), nextPageToken: found.nextPageToken };
  }

  async cancel(caller: Caller, jobId: string): Promise<Generation> {
    requireId(jobId);
    const { job } = await this.#jobs.cancel({ accountId: caller.accountId, jobId });
    return this.#withLinks(caller, imageJobOf(present(job)));
  }

  async remove(caller: Caller, jobId: string): Promise<void> {
    requireId(jobId);
    await this.#jobs.delete({ accountId: caller.accountId, jobId });
  }

  /** Somebody takes a picture, or does not any more: usage reports tell what a taken one costs. */
  async mark(caller: Caller, imageId: string, isAccepted: boolean): Promise<{ imageId: string; isAccepted: boolean }> {
    if (!isUuid(imageId)) throw unknownPicture();
    const { asset } = await this.#storage.markAsset({ accountId: caller.accountId, assetId: imageId, isAccepted });
    return { imageId, isAccepted: present(asset).isAccepted };
  }

  /** From the current state on, or from the event after `afterSequence`; ends after the final state. */
  async *watch(caller: Caller, jobId: string, afterSequence: string, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    requireId(jobId);
    for await (const { sequence, event } of this.#jobs.watch({ accountId: caller.accountId, jobId, afterSequence }, { signal })) {
      if (event.case === 'job') yield { kind: 'state', sequence, generation: await this.#withLinks(caller, imageJobOf(event.value)) };
      else if (event.case === 'progress') yield { kind: 'progress', sequence, progress: event.value };
      else if (event.case === 'preview') yield { kind: 'preview', sequence, preview: event.value };
    }
  }

  /** An image job that has come another way. */
  linked(caller: Caller, job: Job): Promise<Generation> {
    return this.#withLinks(caller, imageJobOf(job));
  }

  describeQueue(caller: Caller) {
    return this.#jobs.describeQueue({ accountId: caller.accountId });
  }

  async #withLinks(caller: Caller, job: ImageJob): Promise<Generation> {
    return { job, links: await this.#sign(caller, [job]) };
  }

  /** One call for all pictures, none when there are none. */
  async #sign(caller: Caller, jobs: readonly ImageJob[]): Promise<ReadonlyMap<string, PictureLink>> {
    const assetIds = jobs.flatMap((job) => job.images.map((image) => image.imageId));
    if (assetIds.length === 0) return noLinks;
    const { urls } = await this.#storage.signUrls({
      accountId: caller.accountId,
      assetIds: assetIds.slice(0, linksPerCallMax),
      expiresS: linkExpiryS,
    });
    return new Map(urls.map(({ assetId, url, isAccepted }) => [assetId, { url, isAccepted }]));
  }
}

/** What is no id cannot name a job: paths and the like never travel further. */
function requireId(jobId: string): void {
  if (!isUuid(jobId)) throw unknownJob();
}

/** A peer that leaves out what its contract promises is broken. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw internal('incomplete_answer', 'A service answered without what it promises.');
  return value;
}
