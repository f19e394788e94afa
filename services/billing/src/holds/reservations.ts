import { Injectable } from '@nestjs/common';
import { Clock } from '@tessera/platform/clock.js';
import type { Attribution, HoldEntry } from '../ledger/account.js';
import { AccountStore } from '../ledger/store/account.store.js';
import { billOf, type Bill } from './bill.js';
import { requireAllowed } from '@tessera/plans/gate.js';
import { PriceList, pricesIn } from '../catalogue/catalogue.js';
import type { Plan } from '../catalogue/catalogue-schema.js';
import { capabilitiesOf, entitlementsAt, type Entitlements } from '../catalogue/entitlements.js';
import { releasedWithNothing } from '../ledger/commands.js';
import { settleExceedsHold, unknownHold } from '../errors.js';
import { checkAccountId, checkJobId, checkMemberId, checkProject, checkReason, checkWhole } from '../input.js';
import { JobWallets } from './job-wallets.js';
import { walletOf, type Wallet } from '../wallets.js';
import {
  checkCompute,
  computeBounds,
  paysUnfinished,
  quote,
  unitsOf,
  unitsText,
  type ComputeSpec,
  type Quote,
  type QuoteLine,
} from '../catalogue/quote.js';

/** A hold that nobody closes blocks its tokens for at most this long. */
const holdDeadlineAheadMsMax = 31 * 24 * 3_600_000;

export type Reservation = {
  readonly bill: Bill;
  readonly balanceTokens: number;
  readonly limits: Plan['limits'];
  readonly entitlements: Entitlements;
};

/** A job's money: quoted, held, then charged or returned. */
@Injectable()
export class Reservations {
  constructor(
    private readonly store: AccountStore,
    private readonly prices: PriceList,
    private readonly clock: Clock,
    private readonly wallets: JobWallets,
  ) {}

  /** At the prices of the wallet that would pay; without an account, at the plan's. */
  async quote(compute: ComputeSpec, accountId?: string, asked: Wallet = 'plan'): Promise<Quote> {
    return this.priced(compute, accountId === undefined ? asked : await this.wallets.wanted(accountId, asked));
  }

  private priced(compute: ComputeSpec, wallet: Wallet): Quote {
    checkCompute(compute);
    return quote(pricesIn(this.prices.at(this.clock.now()), wallet), compute);
  }

  /** Idempotent by job id: a repeat returns the first answer, even after the catalogue has changed; for another computation it is refused. */
  async reserve(
    accountId: string,
    jobId: string,
    compute: ComputeSpec,
    deadlineMs: number,
    attribution: Attribution = {},
    asked: Wallet = 'plan',
  ): Promise<Reservation> {
    checkAccountId(accountId);
    checkJobId(jobId);
    if (attribution.memberId !== undefined) checkMemberId(attribution.memberId);
    if (attribution.project !== undefined) checkProject(attribution.project);
    const nowMs = this.clock.now();
    checkWhole('deadline_ms', deadlineMs, 1, nowMs + holdDeadlineAheadMsMax);
    checkCompute(compute);
    const { ledgerId, opening } = await this.wallets.inTurn(accountId, jobId, async () => {
      await this.requireAllowed(accountId, jobId, compute, nowMs);
      const payer = await this.wallets.paying(accountId, jobId, await this.wallets.wanted(accountId, asked), attribution.memberId);
      return {
        ledgerId: payer,
        opening: await this.store.apply(payer, {
          kind: 'reserve',
          jobId,
          compute,
          quote: this.priced(compute, walletOf(payer)),
          deadlineMs,
          ...attribution,
          nowMs,
        }),
      };
    });
    const [{ frozenTokens }, { plan }] = [await this.store.summary(ledgerId), await this.store.summary(accountId)];
    return {
      bill: required(billOf({ opening }), jobId),
      balanceTokens: Math.max(0, opening.balanceAfterTokens - frozenTokens),
      limits: this.prices.plan(plan, nowMs).limits,
      entitlements: entitlementsAt(this.prices, plan, nowMs),
    };
  }

  /** Charges the units that were delivered at the prices of the quote, and returns the rest. `finishedMs` decides whether the hold was still good. */
  async settle(accountId: string, jobId: string, unitsDelivered: number, finishedMs = this.clock.now()): Promise<Bill> {
    checkAccountId(accountId);
    checkJobId(jobId);
    checkWhole('units_delivered', unitsDelivered, 0, computeBounds.unitsMax);
    if (unitsDelivered === 0) return this.release(accountId, jobId, releasedWithNothing);
    return this.wallets.inTurn(accountId, jobId, async () => {
      const ledgerId = await this.wallets.of(accountId, jobId);
      const { opening } = await this.store.jobEntries(ledgerId, jobId);
      const chargedLines = opening?.kind === 'hold' ? this.charge(opening, unitsDelivered) : [];
      const closing = await this.store.apply(ledgerId, {
        kind: 'settle',
        jobId,
        unitsDelivered,
        chargedLines,
        finishedMs,
        nowMs: this.clock.now(),
      });
      return required(billOf({ opening, closing }), jobId);
    });
  }

  /** Closes the hold of a job that did not succeed: what it left that is of use is charged, where its kind can leave something. */
  async settleUnfinished(accountId: string, jobId: string, unitsDelivered: number, reason: string, finishedMs: number): Promise<Bill> {
    checkAccountId(accountId);
    checkJobId(jobId);
    if (unitsDelivered === 0) return this.release(accountId, jobId, reason);
    const { opening } = await this.store.jobEntries(await this.wallets.of(accountId, jobId), jobId);
    const isCharged = opening?.kind === 'hold' && paysUnfinished(opening.compute);
    return isCharged ? this.settle(accountId, jobId, unitsDelivered, finishedMs) : this.release(accountId, jobId, reason);
  }

  /** Returns the whole hold. A release without a hold is remembered, so that a reservation that comes after it takes nothing. */
  async release(accountId: string, jobId: string, reason: string): Promise<Bill> {
    checkAccountId(accountId);
    checkJobId(jobId);
    checkReason(reason);
    return this.wallets.inTurn(accountId, jobId, async () => {
      const ledgerId = await this.wallets.of(accountId, jobId);
      await this.store.apply(ledgerId, { kind: 'release', jobId, reason, nowMs: this.clock.now() });
      return required(billOf(await this.store.jobEntries(ledgerId, jobId)), jobId);
    });
  }

  /** A hold that stands is answered as it is, whatever has become of the plan since. */
  private async requireAllowed(accountId: string, jobId: string, compute: ComputeSpec, nowMs: number): Promise<void> {
    const wanted = capabilitiesOf(compute);
    if (wanted.length === 0) return;
    const { plan } = await this.store.summary(accountId);
    const { planName, forbidden } = entitlementsAt(this.prices, plan, nowMs);
    const refused = wanted.find((capability) => forbidden.some((each) => each.capability === capability));
    if (!refused || (await this.store.jobEntries(await this.wallets.of(accountId, jobId), jobId)).opening) return;
    requireAllowed(refused, {
      planName,
      forbidden: new Map(forbidden.map(({ capability, planName: cheapest = '' }) => [capability, cheapest])),
    });
  }

  private charge({ jobId, accountId, lane, quote: quoted, compute }: HoldEntry, units: number): readonly QuoteLine[] {
    const ordered = unitsOf(compute);
    if (units > ordered) throw settleExceedsHold(jobId, `${unitsText(compute, units)} delivered, ${ordered} ordered`);
    if (lane === 'relaxed') return [{ kind: 'relaxed', description: 'relaxed lane, free of charge', tokens: 0 }];
    if (units === ordered) return quoted.lines;
    return quote(pricesIn(this.prices.version(quoted.catalogueVersion), walletOf(accountId)), compute, units).lines;
  }
}

function required(bill: Bill | undefined, jobId: string): Bill {
  if (!bill) throw unknownHold(jobId);
  return bill;
}
