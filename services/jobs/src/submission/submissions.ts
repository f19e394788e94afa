import { fromJson } from '@bufbuild/protobuf';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { BillingService, BillState, ComputeSpecSchema, type ReserveResponse } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { SubmitRequest } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { AdmissionTicket, QueuePlace } from '@tessera/jobs/job-queue.js';
import { laneNamed } from '@tessera/jobs/lanes.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { capabilityOfKind, requireAllowed } from '@tessera/plans/gate.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { derivedId, newId } from '@tessera/platform/ids.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { currentTraceparent } from '@tessera/platform/trace.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { holdUnknown, keyOfDeletedJob, keyReused, keyTooLong, refusedBefore } from '../errors.js';
import { DeletedKeys } from '../queue/deleted-keys.js';
import { storedQuote } from '../queue/job-messages.js';
import { holdDeadlineMsOf, startDeadlineMsOf, type Job, type JobPayload } from '../queue/job-record.js';
import { Queue } from '../queue/queue.js';
import { checkedSubmission, payloadOf, termsOf, workOf, type CheckedSubmission } from './submission.js';

/** A submission takes milliseconds; after this its process is taken for dead and the sweeper goes on. */
export const resumeAfterMs = 15_000;
const keyCharactersMax = 255;
/** How old the job may be that a repeat without a key joins, and how many of the account's newest jobs are looked at: clients repeat within minutes. */
const joinedWithinMs = 3_600_000;
const joinedAmongJobs = 100;

export type Submission = { readonly job: Job; readonly balanceTokens?: bigint; readonly isReplay: boolean };

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
    private readonly queue: Queue,
    private readonly plans: AccountPlans,
    private readonly deletedKeys: DeletedKeys,
    @Inject(LOGGER) private readonly logger: Logger,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#queueing);
  }

  /** When this answers, the job is durable, and so is its hold; it is on its way into the queue. */
  async submit(request: SubmitRequest): Promise<Submission> {
    const { accountId, kind, idempotencyKey } = request;
    if (idempotencyKey.length > keyCharactersMax) throw keyTooLong(keyCharactersMax);
    const checked = checkedSubmission(request);
    if (idempotencyKey === '') return (request.joinsEqual ? await this.#equalTo(checked) : undefined) ?? this.#create(newId(), checked);

    const jobId = derivedId(saltOf(kind), accountId, idempotencyKey);
    // A repeat that comes while the first is on its way gets what the first gets.
    for (let first = this.#inFlight.get(jobId); first; first = this.#inFlight.get(jobId)) await first;
    const submission = this.#submitKeyed(jobId, checked);
    const end = () => void this.#inFlight.delete(jobId);
    this.#inFlight.set(jobId, submission.then(({ queueing }) => queueing).then(end, end));
    return submission;
  }

  /** Takes an accepted job on to the queue or to its rejection. */
  async resume(job: Job): Promise<void> {
    const isTooOld = this.queue.clock.now() > startDeadlineMsOf(job);
    if (isTooOld) await this.queue.jobs.reject(job, { reason: 'start_deadline', message: 'Its tokens could not be held in time.' }, false);
    else await (await this.#reserveAndQueue(job)).queueing;
  }

  async #submitKeyed(jobId: string, checked: CheckedSubmission): Promise<Taken> {
    const earlier = await this.queue.store.get(jobId);
    if (earlier) return this.#replay(earlier, checked);
    if (await this.deletedKeys.has(jobId)) throw keyOfDeletedJob();
    try {
      return await this.#create(jobId, checked);
    } catch (error) {
      const winner = error instanceof TesseraError && error.reason === 'already_exists' ? await this.queue.store.get(jobId) : undefined;
      if (!winner) throw error;
      return this.#replay(winner, checked);
    }
  }

  async #replay(job: Job, { requestDigest }: CheckedSubmission): Promise<Taken> {
    if (job.value.payload.requestDigest !== requestDigest) throw keyReused();
    const { life } = job.value;
    if (life.state === 'accepted') return { ...(await this.#reserveAndQueue(job)), isReplay: true };
    if (life.state === 'rejected') throw refusedBefore(life.failure.reason, life.failure.message);
    return { job, isReplay: true, queueing: Promise.resolve() };
  }

  /**
   * The newest job that the same caller asked for in the same words a while ago, whatever has become of it: one that failed is answered as it failed, as it
   * would have been to the first call. A rejected one was told as a refusal and never held anything; a deleted one is not there any more.
   */
  async #equalTo(checked: CheckedSubmission): Promise<Submission | undefined> {
    const { items } = await this.queue.store.newestOf(checked.accountId, joinedAmongJobs);
    const job = items.find(({ value }) => value.life.state !== 'rejected' && isAskedAgain(value, checked));
    return job && this.queue.clock.now() - job.value.createdMs < joinedWithinMs ? { job, isReplay: true } : undefined;
  }

  async #create(jobId: string, checked: CheckedSubmission): Promise<Taken> {
    const { accountId, kind } = checked;
    const allowances = await this.plans.of(accountId);
    const capability = capabilityOfKind(kind);
    if (capability) requireAllowed(capability, allowances);
    const ticket = await this.queue.jobs.admit(accountId, allowances);
    try {
      const nowMs = this.queue.clock.now();
      const traceparent = currentTraceparent();
      const terms = termsOf(checked);
      const job = await this.queue.jobs.accept(jobId, {
        accountId,
        createdMs: nowMs,
        changedMs: nowMs,
        work: workOf(checked, this.queue.jobs.gpuTime),
        life: { state: 'accepted', resumeMs: nowMs + resumeAfterMs },
        ...(terms === undefined ? {} : { terms }),
        ...(traceparent === undefined ? {} : { traceparent }),
        payload: payloadOf(checked, newId),
      });
      const taken = await this.#reserveAndQueue(job, ticket);
      taken.queueing.then(ticket.release, ticket.release);
      return taken;
    } catch (error) {
      ticket.release();
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

  async #reserveAndQueue(job: Job, ticket?: AdmissionTicket): Promise<Taken> {
    const reserved = await this.#reserve(job);
    const { bill, balanceTokens } = reserved;
    if (bill && bill.state !== BillState.HELD) {
      // Settled or returned before the job was queued: there is nothing left that could pay for it.
      const rejected = await this.queue.jobs.reject(
        job,
        { reason: 'hold_lost', message: 'The tokens held for it were returned before it was queued.' },
        true,
      );
      return { job: rejected, isReplay: false, queueing: Promise.resolve() };
    }
    const { concurrentJobsMax } = this.plans.learn(job.value.accountId, reserved);
    const { compute: _, ...held } = job.value.payload;
    const payload: JobPayload = bill?.quote ? { ...held, quote: storedQuote(bill.quote) } : held;
    const queueing = this.#enqueue(
      job,
      { lane: laneNamed(bill?.lane ?? ''), startDeadlineMs: startDeadlineMsOf(job), concurrentJobsMax, payload },
      ticket,
    );
    this.#own(job.id, queueing);
    return { job: { ...job, value: { ...job.value, payload } }, balanceTokens, isReplay: false, queueing };
  }

  async #enqueue(job: Job, place: QueuePlace<JobPayload>, ticket: AdmissionTicket | undefined): Promise<void> {
    try {
      await this.queue.jobs.enqueue(job, place, ticket);
    } catch (error) {
      // Somebody else has moved it on, or cancelled it: what the store says holds.
      if (!(error instanceof TesseraError && error.reason === 'revision_mismatch')) throw error;
    }
  }

  async #reserve(job: Job): Promise<ReserveResponse> {
    const { accountId, payload } = job.value;
    const { compute, memberId = '', project = '', wallet = '' } = payload;
    try {
      return await this.#billing.reserve({
        accountId,
        jobId: job.id,
        deadlineMs: BigInt(holdDeadlineMsOf(job)),
        memberId,
        project,
        wallet,
        ...(compute ? { compute: fromJson(ComputeSpecSchema, compute as never) } : {}),
      });
    } catch (error) {
      throw await this.#refuse(job, error);
    }
  }

  /** Billing said no, or nothing that could be understood. Answers what the caller is told. */
  async #refuse(job: Job, error: unknown): Promise<unknown> {
    const isRefusal = error instanceof TesseraError && !error.retryable && error.kind !== 'Internal' && error.kind !== 'Cancelled';
    const failure = isRefusal
      ? { reason: error.reason, message: error.message }
      : { reason: 'billing_unavailable', message: 'The tokens for it could not be held.' };
    const { hasKey } = job.value.payload;
    if (isRefusal && hasKey) await this.queue.jobs.reject(job, failure, true);
    // Nobody can ask for a job without a key again, so it goes as if it had never been, and a hold that may have been taken goes back.
    else if (!hasKey) await this.queue.jobs.withdraw(job, failure, isRefusal);
    // With a key it stays accepted: the hold may stand, and the repeat or the sweeper finds out.
    return isRefusal ? error : holdUnknown(error);
  }
}

/** The same words alone do not do: another member, project or wallet of the account has a bill of its own. */
const isAskedAgain = ({ work, payload }: Job['value'], { kind, requestDigest, memberId, project, wallet }: CheckedSubmission): boolean =>
  work.kind === kind &&
  payload.requestDigest === requestDigest &&
  (payload.memberId ?? '') === memberId &&
  (payload.project ?? '') === project &&
  (payload.wallet ?? '') === wallet;

/** Keys of images keep the salt that they had when there was no other kind, so that an old key still names its job. */
const saltOf = (kind: string): string => (kind === 'image' ? 'generation.job' : `jobs.${kind}`);
