import { Injectable } from '@nestjs/common';
import type { Entry } from '../ledger/account.js';
import { topUpOperation } from '../ledger/commands.js';
import { canonical } from '../ledger/hash.js';
import { isCreditsAccount, ownerOf } from '../wallets.js';
import { PaymentDocuments, type PaymentRecord } from './payment.documents.js';
import { factsOf } from './payment-facts.js';

/** Where a record and the ledger say different things. `sequence`: of the entry; 0 when there is none. */
export type PaymentFinding = { readonly sequence: number; readonly invariant: PaymentInvariant; readonly detail: string };
export type PaymentInvariant = 'payment_missing' | 'payment_changed' | 'payment_without_entry';

const pageMax = 500;

/** The entries of one ledger account that payments have made, gathered while they are gone through. */
export class PaidEntries {
  readonly topUps = new Map<string, TopUp>();
  readonly periods = new Map<string, Entry>();

  see(entry: Entry): void {
    const id = entry.operationId.slice(entry.operationId.indexOf(':') + 1);
    if (entry.kind === 'topup' && (entry.payment || isPaymentId(id))) this.topUps.set(id, entry);
    if (entry.kind === 'plan' && entry.asked.funding?.period) this.periods.set(id, entry);
  }
}

type TopUp = Extract<Entry, { kind: 'topup' }>;

/** Holds the payments against the hash-chained ledger, both ways: a record that was removed or changed does not pass. */
@Injectable()
export class PaymentAudit {
  constructor(private readonly documents: PaymentDocuments) {}

  async *findings(ledgerId: string, paid: PaidEntries): AsyncIterable<PaymentFinding> {
    const accountId = ownerOf(ledgerId);
    for (const [id, entry] of paid.topUps) {
      const record = (await this.documents.payment(id))?.value;
      const broken = record ? differing(record, entry, accountId) : undefined;
      if (!record) yield found(entry, 'payment_missing', `Payment ${id} brought tokens, and its record is gone.`);
      else if (broken) yield found(entry, 'payment_changed', `The record of payment ${id} has another ${broken} than the ledger.`);
    }
    for (const [id, entry] of paid.periods) {
      const record = (await this.documents.payment(id))?.value;
      const period = entry.kind === 'plan' ? entry.asked.funding?.period : undefined;
      if (!record) yield found(entry, 'payment_missing', `Invoice ${id} paid for a period, and its record is gone.`);
      else if (record.accountId !== accountId || canonical(record.period) !== canonical(period))
        yield found(entry, 'payment_changed', `The record of invoice ${id} has another account or period than the ledger.`);
    }
    yield* this.withoutEntry(ledgerId, accountId, paid);
  }

  private async *withoutEntry(ledgerId: string, accountId: string, { topUps }: PaidEntries): AsyncIterable<PaymentFinding> {
    for (let after: string | undefined; ;) {
      const { items, next } = await this.documents.list({ accountId }, pageMax, after);
      for (const { id, value } of items) {
        const isOfThisWallet = isCreditsAccount(ledgerId) === (value.wallet === 'credits');
        if (value.isPaid && value.subscriptionId === undefined && isOfThisWallet && !topUps.has(id))
          yield {
            sequence: 0,
            invariant: 'payment_without_entry',
            detail: `Payment ${id} counts as credited, and the ledger has no ${topUpOperation(id)}.`,
          };
      }
      if (next === undefined) return;
      after = next;
    }
  }
}

const found = ({ sequence }: Entry, invariant: PaymentInvariant, detail: string): PaymentFinding => ({ sequence, invariant, detail });

function differing(record: PaymentRecord, { payment, lots }: TopUp, accountId: string): string | undefined {
  if (record.accountId !== accountId) return 'account';
  // Between the entry and its record's last word lies a moment, or a crash that the provider's repeat mends.
  if (!record.isPaid && !record.isRefunded && !['received', 'waiting'].includes(record.state)) return 'state';
  if (!payment) return undefined;
  if (record.tokens !== lots[0]?.tokens) return 'number of tokens';
  const facts = factsOf(record);
  return (['pack', 'amount', 'currency', 'occurredMs'] as const).find((name) => facts[name] !== payment[name]);
}

/** Of a release whose entries did not say what they were paid with. */
const isPaymentId = (id: string): boolean => /^(stripe|manual):/.test(id);
