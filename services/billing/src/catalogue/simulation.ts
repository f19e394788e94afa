import { Injectable } from '@nestjs/common';
import { setImmediate as turn } from 'node:timers/promises';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import { emptyAccount, type Account, type Entry, type EntryDraft } from '../ledger/account.js';
import { AccountIds } from '../accounts/account-ids.js';
import { PriceList, pricesIn, termsOf } from './catalogue.js';
import type { Catalogue } from './catalogue-schema.js';
import { closeOperation, type Command } from '../ledger/commands.js';
import { brokenCatalogue } from '../errors.js';
import { append, evolve } from '../ledger/evolve.js';
import { History, type Period } from '../reports/history.js';
import { catchUp, decide } from '../ledger/ledger.js';
import { prorated } from '../ledger/life-cycle.js';
import { quote, type PriceTable } from './quote.js';
import { commandOf } from '../ledger/replay-commands.js';
import { checkSynthetic, commonPlans, syntheticAccounts, type SyntheticUsage } from './synthetic-usage.js';
import type { Subscription, Terms } from '../ledger/terms.js';
import { walletOf } from '../wallets.js';

/** What an account's life came to. */
export type Outcome = {
  readonly jobsCharged: number;
  readonly jobsRelaxed: number;
  /** Jobs that were paid for in reality and could not be under these prices. */
  readonly jobsRefused: number;
  readonly spentTokens: number;
  readonly expiredTokens: number;
  readonly balanceTokens: number;
  /** Of plans, upgrades by their share of the month included; packs are what they were. */
  readonly planCents: number;
};
export type SimulatedAccount = { readonly accountId: string; readonly plan: string; readonly real: Outcome; readonly simulated: Outcome };

type Tally = { -readonly [Name in keyof Outcome]: Outcome[Name] };

const noOutcome = (): Tally => ({
  jobsCharged: 0,
  jobsRelaxed: 0,
  jobsRefused: 0,
  spentTokens: 0,
  expiredTokens: 0,
  balanceTokens: 0,
  planCents: 0,
});

/** Entries that time alone makes between two commands; years of them. */
const dueEntriesMax = 10_000;

/** Some milliseconds' worth. */
const commandsPerTurn = 200;

/** Lives the lives of accounts again under another catalogue: the same plans, jobs and top-ups, other prices and allowances. Nothing is stored. */
@Injectable()
export class Simulation {
  constructor(
    private readonly accountIds: AccountIds,
    private readonly history: History,
    private readonly prices: PriceList,
    private readonly clock: Clock,
  ) {}

  /** The newest catalogue of a price list, for one account or, when `accountId` is empty, for all. InvalidArgument `broken_catalogue`. */
  async *run(priceList: unknown, accountId: string, { toMs }: Pick<Period, 'toMs'>, signal: AbortSignal): AsyncIterable<SimulatedAccount> {
    const prices = soundPrices(priceList);
    for await (const id of this.accountIds.named(accountId)) {
      if (signal.aborted) return;
      yield await this.replayed(id, prices.newest, toMs);
    }
  }

  /** Lives that nobody has lived, at today's prices and at those of a price list. InvalidArgument `broken_catalogue`, `invalid_field`. */
  async *runSynthetic(priceList: unknown, usage: SyntheticUsage, signal: AbortSignal): AsyncIterable<SimulatedAccount> {
    const after = soundPrices(priceList).newest;
    const before = this.prices.at(this.clock.now());
    const plans = commonPlans(before, after);
    checkSynthetic(usage, plans.length);
    for (const { ledgerId, plan, commands } of syntheticAccounts(usage, plans, before)) {
      const [real, simulated] = [new ReplayedAccount(ledgerId, before), new ReplayedAccount(ledgerId, after)];
      let performed = 0;
      for (const command of commands()) {
        for (const account of [real, simulated]) account.perform(command);
        // Others want the processor, too.
        if (++performed % commandsPerTurn === 0) await turn();
        if (signal.aborted) return;
      }
      yield { accountId: ledgerId, plan, real: real.outcome(), simulated: simulated.outcome() };
    }
  }

  private async replayed(accountId: string, catalogue: Catalogue, toMs: number): Promise<SimulatedAccount> {
    const simulated = new ReplayedAccount(accountId, catalogue);
    const account = emptyAccount(accountId);
    const real = noOutcome();
    let plan = '';
    for await (const page of this.history.pages(accountId, { fromMs: 0, toMs })) {
      for (const entry of page) {
        real.planCents += planCentsOf(account.subscription, entry, (terms) => priceOf(this.prices.version(terms.catalogueVersion), terms));
        countJob(real, account, entry);
        evolve(account, entry);
        plan = account.plan;
        simulated.follow(entry);
      }
    }
    return { accountId, plan, real: { ...real, ...sumsOf(account) }, simulated: simulated.outcome() };
  }
}

function soundPrices(priceList: unknown): PriceList {
  const { prices, findings } = PriceList.check(priceList);
  const [worst] = findings.filter(({ severity }) => severity === 'error');
  if (!prices || worst) throw brokenCatalogue(worst ? `${worst.path || 'its root'}: ${worst.message}` : 'its root');
  return prices;
}

/** An account that does what a real one did, at other prices. */
class ReplayedAccount {
  private readonly account: Account;
  private readonly tally = noOutcome();
  /** What jobs of this life were charged, for their reversals. */
  private readonly charges = new Map<string, Entry>();

  constructor(
    accountId: string,
    private readonly catalogue: Catalogue,
  ) {
    this.account = emptyAccount(accountId);
  }

  follow(entry: Entry): void {
    // Time makes its own entries here.
    const command = entry.kind === 'expire' || entry.kind === 'renewal' ? undefined : commandOf(entry);
    if (command) this.perform(command);
    else this.comeDue(entry.createdMs);
  }

  perform(command: Command): void {
    this.comeDue(command.nowMs);
    try {
      this.enter(decide(this.account, this.atNewPrices(command)));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      if (command.kind === 'reserve') this.tally.jobsRefused++;
    }
  }

  outcome(): Outcome {
    return { ...this.tally, ...sumsOf(this.account) };
  }

  private comeDue(nowMs: number): void {
    let previous = this.account.subscription;
    for (const entry of catchUp(this.account, nowMs, dueEntriesMax)) {
      this.tally.planCents += planCentsOf(previous, entry, (terms) => priceOf(this.catalogue, terms));
      previous = 'subscription' in entry ? entry.subscription : previous;
    }
  }

  private enter(draft: EntryDraft): void {
    const { subscription } = this.account;
    countJob(this.tally, this.account, draft);
    const entry = append(this.account, draft);
    this.tally.planCents += planCentsOf(subscription, entry, (terms) => priceOf(this.catalogue, terms));
    if (entry.kind === 'settle') this.charges.set(entry.operationId, entry);
  }

  private atNewPrices(command: Command): Command {
    switch (command.kind) {
      case 'open':
        return command.terms ? { ...command, terms: this.termsFor(command.terms) } : command;
      case 'changePlan':
      case 'cancel':
      case 'pause':
      case 'fund':
        return { ...command, terms: this.termsFor(command.terms) };
      case 'reserve':
        return { ...command, quote: quote(this.prices, command.compute) };
      case 'settle':
        return { ...command, chargedLines: this.chargeFor(command) };
      case 'reverse': {
        const charge = this.charges.get(command.reversedOperationId);
        return command.charged.length === 0
          ? command
          : { ...command, charged: charge?.postings.filter(({ ledgerAccount }) => ledgerAccount === 'spent') ?? [] };
      }
      default:
        return command;
    }
  }

  private get prices(): PriceTable {
    return pricesIn(this.catalogue, walletOf(this.account.accountId));
  }

  private termsFor({ plan, seats }: Terms): Terms {
    return termsOf(this.catalogue, plan, seats);
  }

  private chargeFor({ jobId, unitsDelivered }: Extract<Command, { kind: 'settle' }>) {
    const hold = this.account.holds.get(jobId);
    if (!hold || hold.lane === 'relaxed') return [];
    return quote(this.prices, hold.compute, unitsDelivered).lines;
  }
}

const sumsOf = ({ totals }: Account) => ({ spentTokens: totals.spent, expiredTokens: totals.expired, balanceTokens: totals.balance });

/** Before the entry is carried out: afterwards its hold is gone. */
function countJob(tally: Tally, { holds }: Account, entry: EntryDraft): void {
  if (entry.kind !== 'settle' || entry.operationId !== closeOperation(entry.jobId)) return;
  if (holds.get(entry.jobId)?.lane === 'relaxed') tally.jobsRelaxed++;
  else tally.jobsCharged++;
}

const priceOf = ({ plans }: Catalogue, { plan, seats }: Terms): number =>
  (Object.hasOwn(plans, plan) ? (plans[plan]?.priceCents ?? 0) : 0) * seats;

/** A cycle that begins is paid for; an upgrade within one pays its share of the difference. */
function planCentsOf(before: Subscription | undefined, entry: Entry, cents: (terms: Terms) => number): number {
  if (!('subscription' in entry) || !entry.subscription || entry.subscription.terms.cadence !== 'monthly') return 0;
  const { terms, startedMs } = entry.subscription;
  if (before?.startedMs !== startedMs) return cents(terms);
  return prorated(Math.max(0, cents(terms) - cents(before.terms)), entry.subscription, entry.createdMs);
}
