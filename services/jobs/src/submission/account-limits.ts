import { Injectable } from '@nestjs/common';
import { BillingService, type PlanLimits } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { QueueLimits } from '@tessera/jobs/job-queue.js';
import { Clock } from '@tessera/platform/clock.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';

/** A change of plan is felt after this at the latest. */
const freshMs = 5_000;
/** Accounts remembered before all are forgotten; each costs one call to learn again. */
const accountsMax = 10_000;

/** How many jobs an account may run and queue, as billing said a moment ago: known before tokens are held, without a call for every job. */
@Injectable()
export class AccountLimits {
  readonly #known = new Map<string, { limits: QueueLimits; readMs: number }>();
  readonly #billing: RpcClient<typeof BillingService>;

  constructor(
    rpc: Rpc,
    private readonly clock: Clock,
  ) {
    this.#billing = rpc.client(BillingService);
  }

  async of(accountId: string): Promise<QueueLimits> {
    const known = this.#known.get(accountId);
    if (known && this.clock.now() - known.readMs < freshMs) return known.limits;
    const { account } = await this.#billing.getAccount({ accountId });
    return this.learn(accountId, account?.limits);
  }

  learn(accountId: string, limits: PlanLimits | undefined): QueueLimits {
    if (this.#known.size >= accountsMax && !this.#known.has(accountId)) this.#known.clear();
    const known = { concurrentJobsMax: limits?.concurrentJobs ?? 0, queuedJobsMax: limits?.queuedJobs ?? 0 };
    this.#known.set(accountId, { limits: known, readMs: this.clock.now() });
    return known;
  }
}
