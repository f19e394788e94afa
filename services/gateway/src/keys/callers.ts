import { Injectable } from '@nestjs/common';
import { Cache } from '@tessera/cache/cache.js';
import { openCache } from '@tessera/cache/open-cache.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { isUuid } from '@tessera/platform/ids.js';
import { AccountPlans } from '@tessera/plans/account-plans.js';
import { requireAllowed, type Role } from '@tessera/plans/gate.js';
import { keyOfFormerMember, missingKey, unknownAccount, unknownMember } from '../errors.js';
import { Installation } from '../start/installation.js';
import { Keys, type Caller } from './keys.js';

/** What is left of the caller's minute. */
export type Allowance = { readonly limit: number; readonly remaining: number; readonly resetMs: number };

const windowMs = 60_000;
/** Longer than any key: what is longer is not hashed. */
const authorizationCharsMax = 512;

/** Lets a request in, or says why not: key, then whether the plan includes the API, then its requests per minute. */
@Injectable()
export class Callers {
  /** Counts while the shared cache is away. */
  readonly #ownCache: Promise<Cache>;

  constructor(
    private readonly keys: Keys,
    private readonly cache: Cache,
    private readonly installation: Installation,
    private readonly plans: AccountPlans,
    clock: Clock,
  ) {
    this.#ownCache = openCache({ clock });
  }

  /** `Bearer <key>` in any case, or the bare key as some clients send it. */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const key = (authorization ?? '')
      .slice(0, authorizationCharsMax)
      .replace(/^bearer(?:\s+|$)/i, '')
      .trim();
    if (key === '') throw missingKey();
    return this.keys.verify(key);
  }

  /** Counts one request; absent when the plan has no limit. FailedPrecondition `plan_forbids_api`; Unauthenticated `wrong_key` for the key of a member who has left. */
  async admit(caller: Caller): Promise<Allowance | undefined> {
    const allowances = await this.plans.of(caller.accountId);
    if (caller.memberId !== undefined && allowances.memberIds?.has(caller.memberId) === false) throw keyOfFormerMember();
    requireAllowed('api', { ...allowances, isOwner: this.#isOwner(caller) });
    const limit = allowances.requestsPerMinute;
    if (limit === 0) return undefined;
    const { value, expiresInMs } = await this.#count(`gateway:requests:${caller.accountId}`);
    return { limit, remaining: limit - value, resetMs: expiresInMs };
  }

  /** A key for somebody who is no member would begin to work when such a member comes. NotFound `unknown_member`. */
  async requireMember(accountId: string, memberId: string): Promise<void> {
    if ((await this.plans.of(accountId)).memberIds?.has(memberId) === false) throw unknownMember(memberId);
  }

  requireWrite(caller: Caller): void {
    requireAllowed('write', { role: this.#roleOf(caller) });
  }

  /** A member's key spends; it does not lift its own cap. */
  requireAdmin(caller: Caller): void {
    requireAllowed('account', { role: this.#roleOf(caller) });
  }

  requireOwner(caller: Caller): void {
    requireAllowed('installation', { role: this.#roleOf(caller) });
  }

  /** The same caller, in the name of another account: only the installation's owner may. Empty: the key's own. */
  actingFor(caller: Caller, accountId: string): Caller {
    if (accountId === '' || accountId === caller.accountId) return caller;
    this.requireOwner(caller);
    if (!isUuid(accountId)) throw unknownAccount();
    return { ...caller, accountId, isOperator: true };
  }

  #isOwner({ isOperator, accountId }: Caller): boolean {
    return isOperator === true || accountId === this.installation.ownerAccountId;
  }

  #roleOf(caller: Caller): Role {
    if (!caller.scopes.includes('all')) return 'reader';
    if (caller.memberId !== undefined) return 'member';
    return this.#isOwner(caller) ? 'owner' : 'admin';
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
}

/** ResourceExhausted `rate_limited` once the minute is used up. */
export function requireAllowance(allowance: Allowance | undefined): void {
  if (allowance)
    requireAllowed('requests', {
      requestsPerMinute: allowance.limit,
      used: allowance.limit - allowance.remaining,
      retryAfterMs: allowance.resetMs,
    });
}
