import { Inject, Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';

const channelOf = (accountId: string): string => `gateway.balance.${accountId}`;
const nothing = new Uint8Array();

/** Reports, to whoever watches an account at this moment in any process, that a call through the gateway has changed it. Losing a report leaves a figure on a page stale until the next one. */
@Injectable()
export class BalanceChanges {
  constructor(
    private readonly cache: Cache,
    private readonly plans: AccountPlans,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The answer of a call that changes the account, reported once it is there. */
  async report<T>(accountId: string, change: Promise<T>): Promise<T> {
    const answer = await change;
    this.plans.forget(accountId);
    this.cache
      .publish(channelOf(accountId), nothing)
      .catch((error: unknown) => this.logger.warn({ err: error, accountId }, 'a change of an account did not reach its watchers'));
    return answer;
  }

  /** Resolves when no change from now on is missed; call the answer to stop. */
  subscribe(accountId: string, onChange: () => void): Promise<() => void> {
    return this.cache.subscribe(channelOf(accountId), onChange);
  }
}
