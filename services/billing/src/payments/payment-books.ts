import { Injectable, type OnModuleInit } from '@nestjs/common';
import { gauge } from '@tessera/platform/telemetry/metrics.js';
import { invalidField } from '../errors.js';
import { checkAccountId, checkWhole } from '../input.js';
import { PaymentDocuments, paymentStates, type PaymentState } from './payment.documents.js';

export type PaymentQuery = { readonly accountId: string; readonly state: string; readonly pageSize: number; readonly pageToken: string };

const pageSizeUsual = 100;
const pageSizeMax = 500;

/** The payments to look at: a list, and how many of them wait for the operator. */
@Injectable()
export class PaymentBooks implements OnModuleInit {
  constructor(private readonly documents: PaymentDocuments) {}

  /** Asked for at a scrape, from the store: true for all processes together. */
  onModuleInit(): void {
    gauge(
      { name: 'tessera_payments_waiting', help: 'Payments for packs that their account may not have: the operator decides.' },
      async (waiting) => waiting.set(await this.documents.countWaiting().catch(() => Number.NaN)),
    );
  }

  page({ accountId, state, pageSize, pageToken }: PaymentQuery) {
    if (accountId !== '') checkAccountId(accountId);
    if (state !== '' && !isState(state)) throw invalidField('state', `state must be one of ${paymentStates.join(', ')}.`);
    checkWhole('page_size', pageSize, 0, pageSizeMax);
    const filter = { ...(accountId === '' ? {} : { accountId }), ...(isState(state) ? { state } : {}) };
    return this.documents.list(filter, pageSize || pageSizeUsual, pageToken);
  }
}

const isState = (text: string): text is PaymentState => paymentStates.some((state) => state === text);
