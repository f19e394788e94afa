import { Injectable } from '@nestjs/common';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { ExpiringMap } from '@tessera/platform/expiring-map.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { allowancesOf, type Allowances } from './allowances.js';

/** A change of plan is felt after this at the latest. */
const freshMs = 5_000;
/** Accounts remembered; beyond it the oldest is asked for again. */
const accountsMax = 10_000;

/** What an account's plan lets it do, as billing said a moment ago: without a call for every request and every job. */
@Injectable()
export class AccountPlans {
  readonly #known: ExpiringMap<string, Allowances>;
  readonly #billing: RpcClient<typeof BillingService>;

  constructor(rpc: Rpc, clock: Clock) {
    this.#known = new ExpiringMap({ clock, ttlMs: freshMs, entriesMax: accountsMax });
    this.#billing = rpc.client(BillingService);
  }

  async of(accountId: string): Promise<Allowances> {
    const known = this.#known.get(accountId);
    if (known) return known;
    const { account } = await this.#billing.getAccount({ accountId });
    return this.learn(accountId, account ?? {});
  }

  /** After a change, which is then felt at once. */
  forget(accountId: string): void {
    this.#known.delete(accountId);
  }

  /** From an answer that says it by the way. */
  learn(accountId: string, answer: Parameters<typeof allowancesOf>[0]): Allowances {
    const allowances = allowancesOf(answer);
    this.#known.set(accountId, allowances);
    return allowances;
  }
}
