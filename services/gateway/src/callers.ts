import { Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { BillingService } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { memberKey, missingKey, ownerOnly, readOnlyKey, tooManyRequests, unknownAccount } from './errors.js';
import { Installation } from './installation.js';
import { Keys, type Caller } from './keys.js';

/** What is left of the caller's minute. */
export type Allowance = { readonly limit: number; readonly remaining: number; readonly resetMs: number };

/** A changed plan is felt after this long. */
const limitsKeptMs = 10_000;
/** Accounts that call within the same ten seconds; beyond it the oldest is asked for again. */
const limitsKeptMax = 10_000;
const windowMs = 60_000;
/** Longer than any key: what is longer is not hashed. */
const authorizationCharsMax = 512;

/** Lets a request in, or says why not: key, then the plan's requests per minute. */
@Injectable()
export class Callers {
  readonly #billing: RpcClient<typeof BillingService>;
  readonly #limits = new Map<string, { perMinute: number; untilMs: number }>();
  /** Counts while the shared cache is away. */
  readonly #ownCache: Promise<Cache>;

  constructor(
    private readonly keys: Keys,
    private readonly cache: Cache,
    private readonly clock: Clock,
    private readonly installation: Installation,
    rpc: Rpc,
  ) {
    this.#billing = rpc.client(BillingService);
    this.#ownCache = openCache({ clock });
  }

  /** `Bearer <key>` in any case, or the bare key as some clients send it. */
  authenticate(authorization: string | undefined): Promise<Caller> {
    const key = (authorization ?? '').slice(0, authorizationCharsMax).replace(/^bearer(?:\s+|$)/i, '').trim();
    if (key === '') throw missingKey();
    return this.keys.verify(key);
  }

  /** Counts one request; absent when the plan has no limit. */
  async admit(caller: Caller): Promise<Allowance | undefined> {
    const limit = await this.#requestsPerMinute(caller.accountId);
    if (limit === 0) return undefined;
    const { value, expiresInMs } = await this.#count(`gateway:requests:${caller.accountId}`);
    return { limit, remaining: limit - value, resetMs: expiresInMs };
  }

  demandWrite(caller: Caller): void {
    if (!caller.scopes.includes('all')) throw readOnlyKey();
  }

  /** A member's key spends; it does not lift its own cap. */
  demandAdmin(caller: Caller): void {
    this.demandWrite(caller);
    if (caller.memberId !== undefined) throw memberKey();
  }

  demandOwner(caller: Caller): void {
    this.demandAdmin(caller);
    if (!caller.isOperator && caller.accountId !== this.installation.ownerAccountId) throw ownerOnly();
  }

  /** The same caller, in the name of another account: only the installation's owner may. Empty: the key's own. */
  actingFor(caller: Caller, accountId: string): Caller {
    if (accountId === '' || accountId === caller.accountId) return caller;
    this.demandOwner(caller);
    if (!isUuid(accountId)) throw unknownAccount();
    return { ...caller, accountId, isOperator: true };
  }

  /** Without the shared cache each process counts what it sees itself: a limit that is too generous for a while, rather than nobody let in. */
  async #count(key: string): Promise<{ value: number; expiresInMs: number }> {
    try {
      return await this.cache.increment(key, 1, windowMs);
    } catch (error) {
      if (!(error instanceof TesseraError) || error.kind !== 'Unavailable') throw error;
      return (await this.#ownCache).increment(key, 1, windowMs);
    }
  }

  async #requestsPerMinute(accountId: string): Promise<number> {
    const nowMs = this.clock.now();
    const known = this.#limits.get(accountId);
    if (known && known.untilMs > nowMs) return known.perMinute;
    const { account } = await this.#billing.getAccount({ accountId });
    const perMinute = account?.limits?.requestsPerMinute ?? 0;
    this.#limits.delete(accountId);
    if (this.#limits.size >= limitsKeptMax) {
      const [oldest] = this.#limits.keys();
      if (oldest !== undefined) this.#limits.delete(oldest);
    }
    this.#limits.set(accountId, { perMinute, untilMs: nowMs + limitsKeptMs });
    return perMinute;
  }
}

/** ResourceExhausted `rate_limited` once the minute is used up. */
export function demandAllowance(allowance: Allowance | undefined): void {
  if (allowance && allowance.remaining < 0) throw tooManyRequests(allowance.limit, allowance.resetMs);
}
