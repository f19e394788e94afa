import { Controller } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { EconomyService, type ReceivePaymentRequest, type RecordPaymentRequest, type RecordRefundRequest } from '@tessera/contracts/tessera/billing/v1/economy_pb.js';
import { accountMessage } from '../accounts/account.message.js';
import { Accounts } from '../accounts/accounts.js';
import { manualProvider, Payments } from './payments.js';

/** The money side of the economy's contract. */
@Controller()
export class PaymentsController {
  constructor(
    private readonly payments: Payments,
    private readonly accounts: Accounts,
  ) {}

  @GrpcMethod(EconomyService.typeName)
  async receivePayment({ provider, payload, signature }: ReceivePaymentRequest) {
    return { outcome: await this.payments.receive(provider, payload, signature) };
  }

  @GrpcMethod(EconomyService.typeName)
  async recordPayment({ accountId, paymentId, pack }: RecordPaymentRequest) {
    const outcome = await this.payments.apply(manualProvider, { kind: 'packPaid', paymentId, accountId, pack });
    return { outcome, account: accountMessage(await this.accounts.get(accountId)) };
  }

  @GrpcMethod(EconomyService.typeName)
  async recordRefund({ paymentId }: RecordRefundRequest) {
    return { outcome: await this.payments.apply(manualProvider, { kind: 'packRefunded', paymentId }) };
  }
}
