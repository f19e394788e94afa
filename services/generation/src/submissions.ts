import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BillingService, BillState, type ReserveResponse } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { ImageRequest } from '@tessera/contracts/tessera/generation/v1/generation_pb.js';
import type { QueuePlace, Room } from '@tessera/jobs/job-queue.js';
import { laneNamed } from '@tessera/jobs/lanes.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { derivedId, newId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { computeSpecOf, workOf } from './compute.js';
import { holdUnknown, keyReused, keyTooLong, refusedBefore } from './errors.js';
import { ImageQueue } from './image-queue.js';
import { storedQuote, type ImageJob, type ImageJobPayload } from './job.documents.js';
import { Models } from './models.js';
import { fingerprintOf, Requests, type CheckedRequest } from './requests.js';

/** A job that nobody has begun within a day is of no use any more. */
const startWithinMs = 24 * 3_600_000;
/** The hold outlives the start deadline by all attempts of even a slow job. */
const holdMarginMs = 6 * 3_600_000;
/** A submission takes milliseconds; after this its process is taken for dead and the sweeper goes on. */
export const resumeAfterMs = 15_000;
const keyCharactersMax = 255;

export type SubmitCommand = { readonly accountId: string; readonly idempotencyKey: string; readonly request?: ImageRequest | undefined; readonly memberId: string; readonly project: string; readonly wallet: string };
type Origin = Pick<ImageJobPayload, 'fingerprint' | 'hasKey' | 'memberId' | 'project' | 'wallet'>;
export type Submission = { readonly job: ImageJob; readonly balanceTokens?: bigint; readonly isReplay: boolean };

/** A submission that can be answered. `queueing` ends with its last step, and rejects when that step is left to the sweeper. */
type Taken = Submission & { readonly queueing: Promise<void> };

/**
 * Takes a job in: `accepted`, tokens held, `queued`. Each step is idempotent by the job id, which an idempotency key determines,
 * so whoever finds a job between two steps (a repeat, another process, the sweeper) can take the next one. The client hears after the second: from there on
 * nothing that fails here can lose the job.
 */
@Injectable()
export class Submissions implements OnModuleDestroy {
  readonly #billing: RpcClient<typeof BillingService>;
  /** Keyed submissions of this process between their first and their last step. */
  readonly #inFlight = new Map<string, Promise<void>>();
  /** Last steps under way; as many as the store lets wait. */
  readonly #queueing = new Set<Promise<void>>();

  constructor(
    private readonly queue: ImageQueue,
    private readonly requests: Requests,
    private readonly models: Models,
    private readonly plans: AccountPlans,
    @Inject(LOGGER) private readonly logger: Logger,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#queueing);
  }

  /** When this answers, the job is durable, and so is its hold; it is on its way into the queue. */
  async submit(command: SubmitCommand): Promise<Submission> {
    const { accountId, idempotencyKey } = command;
    if (idempotencyKey.length > keyCharactersMax) throw keyTooLong(keyCharactersMax);
    const asked = command.request;
    const checked = await this.requests.check(accountId, asked);
    const fingerprint = asked ? fingerprintOf(asked) : '';
    const attribution = { memberId: command.memberId, project: command.project, ...(command.wallet === '' ? {} : { wallet: command.wallet }) };
    if (idempotencyKey === '') return this.#create(newId(), accountId, checked, { fingerprint, hasKey: false, ...attribution });

    const jobId = derivedId('generation.job', accountId, idempotencyKey);
    // A repeat that comes while the first is on its way gets what the first gets.
    for (let first = this.#inFlight.get(jobId); first; first = this.#inFlight.get(jobId)) await first;
    const submission = this.#submitKeyed(jobId, accountId, checked, { fingerprint, hasKey: true, ...attribution });
    const end = () => void this.#inFlight.delete(jobId);
    this.#inFlight.set(
      jobId,
      submission.then(({ queueing }) => queueing).then(end, end),
    );
    return submission;
  }

  /** Takes an accepted job on to the queue or to its rejection. */
  async resume(job: ImageJob): Promise<void> {
    const isTooOld = this.queue.clock.now() > job.value.createdMs + startWithinMs;
    if (isTooOld) await this.queue.jobs.reject(job, { reason: 'start_deadline', message: 'Its tokens could not be held in time.' }, false);
    else await (await this.#reserveAndQueue(job)).queueing;
  }

  async #submitKeyed(jobId: string, accountId: string, checked: CheckedRequest, origin: Origin): Promise<Taken> {
    const earlier = await this.queue.store.get(jobId);
    if (earlier) return this.#replay(earlier, origin.fingerprint);
    try {
      return await this.#create(jobId, accountId, checked, origin);
    } catch (error) {
      const winner = error instanceof TesseraError && error.reason === 'already_exists' ? await this.queue.store.get(jobId) : undefined;
      if (!winner) throw error;
      return this.#replay(winner, origin.fingerprint);
    }
  }

  async #replay(job: ImageJob, fingerprint: string): Promise<Taken> {
    if (job.value.payload.fingerprint !== fingerprint) throw keyReused();
    const { life } = job.value;
    if (life.state === 'accepted') return { ...(await this.#reserveAndQueue(job)), isReplay: true };
    if (life.state === 'rejected') throw refusedBefore(life.failure.reason, life.failure.message);
    return { job, isReplay: true, queueing: Promise.resolve() };
  }

  async #create(jobId: string, accountId: string, { request }: CheckedRequest, origin: Origin): Promise<Taken> {
    const room = await this.queue.jobs.admit(accountId, await this.plans.of(accountId));
    try {
      const nowMs = this.queue.clock.now();
      const traceparent = currentTraceparent();
      const job = await this.queue.jobs.accept(jobId, {
        accountId,
        createdMs: nowMs,
        work: workOf(request, this.models.poolOf(request.modelId), this.queue.jobs.gpuTime),
        life: { state: 'accepted', resumeMs: nowMs + resumeAfterMs },
        ...(traceparent === undefined ? {} : { traceparent }),
        payload: { request, ...origin, imageIds: Array.from({ length: request.images }, () => newId()) },
      });
      const taken = await this.#reserveAndQueue(job, room);
      taken.queueing.then(room.giveBack, room.giveBack);
      return taken;
    } catch (error) {
      room.giveBack();
      throw error;
    }
  }

  /** Sees a last step through, whoever else waits for it. */
  #own(jobId: string, queueing: Promise<void>): void {
    const owned = queueing
      .catch((error: unknown) => this.logger.warn({ err: error, jobId }, 'an accepted job could not be queued; the sweeper takes it on'))
      .finally(() => this.#queueing.delete(owned));
    this.#queueing.add(owned);
  }

  async #reserveAndQueue(job: ImageJob, room?: Room): Promise<Taken> {
    const reserved = await this.#reserve(job);
    const { accountId, createdMs, payload } = job.value;
    const { bill, balanceTokens } = reserved;
    if (bill && bill.state !== BillState.HELD) {
      // Settled or returned before the job was queued: there is nothing left that could pay for it.
      const rejected = await this.queue.jobs.reject(job, { reason: 'hold_lost', message: 'The tokens held for it were returned before it was queued.' }, true);
      return { job: rejected, isReplay: false, queueing: Promise.resolve() };
    }
    const { concurrentJobsMax } = this.plans.learn(accountId, reserved);
    const quoted = bill?.quote ? { ...payload, quote: storedQuote(bill.quote) } : payload;
    const place = { lane: laneNamed(bill?.lane ?? ''), startDeadlineMs: createdMs + startWithinMs, concurrentJobsMax, payload: quoted };
    const queueing = this.#enqueue(job, place, room);
    this.#own(job.id, queueing);
    return { job: { ...job, value: { ...job.value, payload: quoted } }, balanceTokens, isReplay: false, queueing };
  }

  async #enqueue(job: ImageJob, place: QueuePlace<ImageJobPayload>, room: Room | undefined): Promise<void> {
    try {
      await this.queue.jobs.enqueue(job, place, room);
    } catch (error) {
      // Somebody else has moved it on, or cancelled it: what the store says holds.
      if (!(error instanceof TesseraError && error.reason === 'revision_mismatch')) throw error;
    }
  }

  async #reserve(job: ImageJob): Promise<ReserveResponse> {
    const { accountId, createdMs, payload } = job.value;
    const model = await this.models.named(payload.request.modelId);
    try {
      const deadlineMs = BigInt(createdMs + startWithinMs + holdMarginMs);
      return await this.#billing.reserve({ accountId, jobId: job.id, compute: computeSpecOf(payload.request, model), deadlineMs, memberId: payload.memberId ?? '', project: payload.project ?? '', wallet: payload.wallet ?? '' });
    } catch (error) {
      throw await this.#refuse(job, error);
    }
  }

  /** Billing said no, or nothing that could be understood. Answers what the caller is told. */
  async #refuse(job: ImageJob, error: unknown): Promise<unknown> {
    const isRefusal = error instanceof TesseraError && !error.retryable && error.kind !== 'Internal' && error.kind !== 'Cancelled';
    const failure = isRefusal ? { reason: error.reason, message: error.message } : { reason: 'billing_unavailable', message: 'The tokens for it could not be held.' };
    const { hasKey } = job.value.payload;
    if (isRefusal && hasKey) await this.queue.jobs.reject(job, failure, true);
    // Nobody can ask for a job without a key again, so it goes as if it had never been, and a hold that may have been taken goes back.
    else if (!hasKey) await this.queue.jobs.withdraw(job, failure, isRefusal);
    // With a key it stays accepted: the hold may stand, and the repeat or the sweeper finds out.
    return isRefusal ? error : holdUnknown(error);
  }
}
