import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  PaymentService,
  type ReceivePaymentRequest,
  type RecordPaymentRequest,
  type RecordRefundRequest,
} from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import { accountMessage } from '../accounts/account.message.js';
import { Accounts } from '../accounts/accounts.js';
import { manualProvider, Payments } from './payments.js';

/** Translates between the contract and the use cases, nothing else. */
@Controller()
export class PaymentsController {
  constructor(
    private readonly payments: Payments,
    private readonly accounts: Accounts,
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
}
