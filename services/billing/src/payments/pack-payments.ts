import { Inject, Injectable } from '@nestjs/common';
import { PaymentWaitingSchema } from '@tessera/contracts/tessera/billing/v1/events_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { outgoingEvent } from '@tessera/documents/outgoing-event.js';
import { Clock } from '@tessera/platform/clock.js';
import { TesseraError } from '@tessera/platform/errors.js';
import type { Logger } from '@tessera/platform/logger.js';
import { LOGGER } from '@tessera/platform/tokens.js';
import { Accounts } from '../accounts/accounts.js';
import { PriceList } from '../catalogue/catalogue.js';
import { paymentIdReused, paymentNotWaiting, unknownPayment } from '../errors.js';
import { checkAccountId, checkPaymentId } from '../input.js';
import { topUpOperation } from '../ledger/commands.js';
import { PaymentDocuments, type PaymentRecord } from './payment.documents.js';
import { factsOf } from './payment-facts.js';
import { stateOf, tokensToTakeBack } from './payment-states.js';
import type { DisputeState, PaymentOutcome, UpdateOf } from './payment-provider.js';
import { unless } from './unless.js';

/** More do not wait for one account in practice; those beyond are tried with the next change. */
const waitingMax = 100;

/** A record whose account and pack are known. */
type OfPack = Stored<PaymentRecord & { readonly accountId: string }>;

/** Payments for packs: bound to an account and a pack before anything is given, and followed through refunds and disputes to their end. */
@Injectable()
export class PackPayments {
  constructor(
    private readonly accounts: Accounts,
    private readonly documents: PaymentDocuments,
    private readonly prices: PriceList,
    private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** `mayWait`: the money is here already, so what the ledger refuses is kept for the operator to decide. */
  async paid(id: string, update: UpdateOf<'packPaid'>, mayWait: boolean): Promise<PaymentOutcome> {
    const { accountId, pack } = update;
    checkAccountId(accountId);
    const known = await this.documents.payment(id);
    if (known && !isSame(known.value, update)) throw paymentIdReused(id);
    if (known && ['disputed', 'lost'].includes(known.value.state) && !known.value.isPaid) return 'waiting';
    if (known?.value.isPaid || (known?.value.isRefunded && known.value.pack !== undefined)) return 'repeated';
    // A crash after the first attempt, and a new catalogue since: what was bound first stands.
    const bought = known?.value.tokens === undefined ? this.prices.pack(pack, this.clock.now()) : known.value;
    await this.accounts.get(accountId);
    const bound: PaymentRecord = {
      ...(known?.value.pack === undefined
        ? // A refund that an earlier release was told of first is remembered, and takes back what is given now.
          { state: 'received', isPaid: false, isRefunded: known?.value.isRefunded ?? false, receivedMs: this.clock.now() }
        : known.value),
      accountId,
      pack,
      tokens: bought.tokens ?? 0,
      ...(bought.wallet === 'credits' ? { wallet: bought.wallet } : {}),
      ...update.money,
      ...(update.occurredMs === undefined ? {} : { occurredMs: update.occurredMs }),
    };
    const stored = await this.documents.savePayment(id, known, bound);
    try {
      await this.give(stored as OfPack);
      return 'applied';
    } catch (error) {
      if (!(error instanceof TesseraError) || error.kind !== 'FailedPrecondition') throw error;
      if (mayWait) return this.keep(stored as OfPack, error.reason);
      await this.documents.forgetPayment(stored);
      throw error;
    }
  }

  async waitingOf(accountId: string): Promise<readonly string[]> {
    return (await this.documents.list({ accountId, state: 'waiting' }, waitingMax)).items.map(({ id }) => id);
  }

  async triedAgain(id: string): Promise<void> {
    const known = await this.known(id);
    if (known.value.state !== 'waiting') return;
    await unless([known.value.waitsFor ?? ''], this.give(known));
  }

  /** The operator gives the pack although the account may not buy it. */
  async credited(id: string): Promise<PaymentOutcome> {
    const known = await this.known(id);
    if (known.value.isPaid) return 'repeated';
    if (known.value.state !== 'waiting') throw paymentNotWaiting(id);
    await this.give(known, true);
    return 'applied';
  }

  /** What has been spent of the pack stays spent. */
  async refunded(id: string, share?: { readonly amount: number; readonly of: number }): Promise<PaymentOutcome> {
    checkPaymentId(id);
    const known = await this.known(id);
    const { value } = known;
    if (value.isRefunded || (share && share.amount <= (value.refunded?.amount ?? 0))) return 'repeated';
    await this.settle(known, share && share.amount < share.of ? { ...value, refunded: share } : { ...value, isRefunded: true });
    return 'applied';
  }

  async disputed(id: string, disputeId: string, { state, amount }: UpdateOf<'disputed'>): Promise<PaymentOutcome> {
    checkPaymentId(id);
    checkPaymentId(disputeId);
    const known = await this.known(id);
    const { value } = known;
    const before = value.disputes && Object.hasOwn(value.disputes, disputeId) ? value.disputes[disputeId] : undefined;
    if (before === state) return 'repeated';
    if (before !== undefined && before !== 'open') return 'outdated';
    const disputes: Record<string, DisputeState> = { ...value.disputes, [disputeId]: state };
    const lost = state === 'lost' ? { lostAmount: (value.lostAmount ?? 0) + (amount ?? value.amount ?? 1) } : {};
    await this.settle(known, { ...value, disputes, ...lost }, disputeId);
    return 'applied';
  }

  private async known(id: string): Promise<OfPack> {
    const known = await this.documents.paymentCharged(id);
    if (known?.value.accountId === undefined) throw unknownPayment(id);
    return known as OfPack;
  }

  private async give(stored: OfPack, isForced?: true): Promise<void> {
    const { id, value } = stored;
    const { waitsFor: _, ...record } = value;
    const paid = { payment: factsOf(record), ...(isForced ? { isForced } : {}) };
    await unless(['operation_id_reused'], this.accounts.topUp(value.accountId, id, value.tokens ?? 0, value.wallet, paid));
    await this.settle(stored, { ...record, isPaid: true });
  }

  private async keep({ id, revision, value }: OfPack, reason: string): Promise<PaymentOutcome> {
    const { accountId, pack = '', amount = 0, currency = '' } = value;
    const isNews = value.waitsFor === undefined;
    const event = { accountId, paymentId: id, pack, reason, amount: BigInt(amount), currency };
    await this.documents.savePayment(
      id,
      { id, revision, value },
      { ...value, state: 'waiting', waitsFor: reason },
      isNews ? [outgoingEvent(PaymentWaitingSchema, accountId, event)] : [],
    );
    if (isNews) this.logger.warn({ accountId, paymentId: id, pack, reason }, 'a payment waits: the account may not have what was paid for');
    return 'waiting';
  }

  /** Brings the ledger to where the record says that it is, then keeps the record. Every step has its own operation id, so an interrupted one is taken again. */
  private async settle(stored: OfPack, next: PaymentRecord, disputeId?: string): Promise<void> {
    const { id, value } = stored;
    const isOfPack = next.isPaid && next.subscriptionId === undefined;
    const refundedTokens = isOfPack ? await this.takeBack(stored, next) : next.refundedTokens;
    if (isOfPack && disputeId !== undefined) await this.freezeOrThaw(stored, value.disputes, next.disputes, disputeId);
    const settled = { ...next, ...(refundedTokens === undefined ? {} : { refundedTokens }) };
    await this.documents.savePayment(id, stored, { ...settled, state: stateOf(settled) });
  }

  private async takeBack({ id, value }: OfPack, next: PaymentRecord): Promise<number | undefined> {
    const tokens = next.tokens ?? (await this.accounts.toppedUp(value.accountId, topUpOperation(id), next.wallet));
    const target = tokensToTakeBack({ ...next, tokens });
    const before = value.refundedTokens ?? 0;
    if (target <= before) return value.refundedTokens;
    const part = target < tokens ? { id: String(target), tokens: target - before } : undefined;
    await unless(['nothing_to_reverse'], this.accounts.reverse(value.accountId, topUpOperation(id), next.wallet, part));
    return target;
  }

  private async freezeOrThaw(
    { id, value }: OfPack,
    before: PaymentRecord['disputes'] = {},
    after: PaymentRecord['disputes'] = {},
    disputeId: string,
  ): Promise<void> {
    const [was, is] = [before, after].map((disputes) => Object.values(disputes).includes('open'));
    if (was === is) return;
    const frozen = this.accounts.freeze(value.accountId, disputeId, topUpOperation(id), is === true, value.wallet ?? 'plan');
    await unless(['nothing_to_reverse'], frozen);
  }
}

/** Older records have no pack: they are bound to their account alone. */
const isSame = (known: PaymentRecord, { accountId, pack }: UpdateOf<'packPaid'>): boolean =>
  known.subscriptionId === undefined &&
  (known.accountId === undefined || known.accountId === accountId) &&
  (known.pack === undefined || known.pack === pack);
