import { Injectable } from '@nestjs/common';
import { PaymentService, type ListPaymentsResponse, type Payment } from '@tessera/contracts/tessera/billing/v1/payments_pb.js';
import { Rpc, type RpcClient } from '@tessera/rpc/rpc.js';
import { Callers } from '../keys/callers.js';
import type { Caller } from '../keys/keys.js';

export type PaymentFilter = { readonly accountId: string; readonly state: string };

/** Payments of all accounts, for the installation's owner: seen, exported, and decided where they wait. */
@Injectable()
export class PaymentBooks {
  readonly #payments: RpcClient<typeof PaymentService>;

  constructor(
    private readonly callers: Callers,
    rpc: Rpc,
  ) {
    this.#payments = rpc.client(PaymentService);
  }

  async page(caller: Caller, filter: PaymentFilter, pageSize: number, pageToken: string): Promise<ListPaymentsResponse> {
    this.callers.requireOwner(caller);
    return this.#payments.listPayments({ ...filter, pageSize, pageToken });
  }

  async *all(caller: Caller, filter: PaymentFilter): AsyncGenerator<readonly Payment[]> {
    for (let pageToken = ''; ;) {
      const { payments, nextPageToken } = await this.page(caller, filter, pageSizeMax, pageToken);
      yield payments;
      if (nextPageToken === '') return;
      pageToken = nextPageToken;
    }
  }

  async decide(caller: Caller, paymentId: string, decision: 'credit' | 'refund'): Promise<{ outcome: string }> {
    this.callers.requireOwner(caller);
    const { outcome } = await this.#payments.decidePayment({ paymentId, decision });
    return { outcome };
  }
}

const pageSizeMax = 500;
