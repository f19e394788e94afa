import type { MessageInitShape } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  PaymentService,
  type DecidePaymentRequest,
  type ListPaymentsRequest,
  type PaymentSchema,
  type ReceivePaymentRequest,
  type RecordPaymentRequest,
  type RecordRefundRequest,
} from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import type { Stored } from '@tessera/documents/documents.js';
import { accountMessage } from '../accounts/account.message.js';
import { Accounts } from '../accounts/accounts.js';
import { invalidField } from '../errors.js';
import { PaymentBooks } from './payment-books.js';
import type { PaymentRecord } from './payment.documents.js';
import { manualProvider, Payments } from './payments.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class PaymentsController {
  constructor(
    private readonly payments: Payments,
    private readonly accounts: Accounts,
    private readonly books: PaymentBooks,
  ) {}

  @GrpcMethod(PaymentService.typeName)
  async receivePayment({ provider, payload, signature }: ReceivePaymentRequest) {
    return { outcome: await this.payments.receive(provider, payload, signature) };
  }

  @GrpcMethod(PaymentService.typeName)
  async recordPayment({ accountId, paymentId, pack }: RecordPaymentRequest) {
    const outcome = await this.payments.apply(manualProvider, { kind: 'packPaid', paymentId, accountId, pack });
    return { outcome, account: accountMessage(await this.accounts.get(accountId)) };
  }

  @GrpcMethod(PaymentService.typeName)
  async recordRefund({ paymentId }: RecordRefundRequest) {
    return { outcome: await this.payments.apply(manualProvider, { kind: 'packRefunded', paymentId }) };
  }

  @GrpcMethod(PaymentService.typeName)
  async listPayments({ accountId, state, pageSize, pageToken }: ListPaymentsRequest) {
    const { items, next } = await this.books.page({ accountId, state, pageSize, pageToken });
    return { payments: items.map(paymentMessage), nextPageToken: next ?? '' };
  }

  @GrpcMethod(PaymentService.typeName)
  async decidePayment({ paymentId, decision }: DecidePaymentRequest) {
    if (decision !== 'credit' && decision !== 'refund') throw invalidField('decision', 'decision must be credit or refund.');
    return { outcome: await this.payments.decide(paymentId, decision) };
  }
}

const paymentMessage = ({ id, value }: Stored<PaymentRecord>): MessageInitShape<typeof PaymentSchema> => ({
  paymentId: id,
  provider: id.slice(0, id.indexOf(':')),
  accountId: value.accountId ?? '',
  pack: value.pack ?? '',
  subscriptionId: value.subscriptionId ?? '',
  ...(value.amount === undefined ? {} : { amount: BigInt(value.amount) }),
  currency: value.currency ?? '',
  state: value.state,
  tokens: BigInt(value.tokens ?? 0),
  wallet: value.wallet ?? 'plan',
  occurredMs: BigInt(value.occurredMs ?? 0),
  receivedMs: BigInt(value.receivedMs),
  waitsFor: value.state === 'waiting' ? (value.waitsFor ?? '') : '',
  refundedAmount: BigInt(value.refunded?.amount ?? (value.isRefunded ? (value.amount ?? 0) : 0)),
  lostAmount: BigInt(value.lostAmount ?? 0),
  refundedTokens: BigInt(value.refundedTokens ?? 0),
  periodFromMs: BigInt(value.period?.fromMs ?? 0),
  periodUntilMs: BigInt(value.period?.untilMs ?? 0),
});
