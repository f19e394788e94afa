import type { PaymentFacts } from '../ledger/account.js';
import type { PaymentRecord } from './payment.documents.js';

/** What the ledger remembers of a payment, so that its record cannot change unseen. */
export const factsOf = ({ pack = '', amount, currency, occurredMs }: PaymentRecord): PaymentFacts => ({
  pack,
  ...(amount === undefined ? {} : { amount }),
  ...(currency === undefined ? {} : { currency }),
  ...(occurredMs === undefined ? {} : { occurredMs }),
});
