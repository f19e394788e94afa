import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDocuments } from '@tessera/documents/open-documents.js';
import { audited, newDataDir, openBilling, type TestBilling } from '../billing.fixture.js';
import { checkoutEvent, deliver, refundEvent } from './stripe.fixture.js';

describe('payments that an earlier release kept', () => {
  let billing: TestBilling;
  beforeEach(async () => {
    const dataDir = await newDataDir();
    const { documents, close } = await openDocuments({ dataDir });
    const payments = documents.collection<object>({ name: 'billing.payments', version: 1, indexes: [] });
    await documents.commit([
      payments.insert('stripe:pi_paid', { accountId: 'acme', isPaid: true, isRefunded: false }),
      payments.insert('stripe:pi_refunded_first', { isPaid: false, isRefunded: true }),
    ]);
    await close();
    billing = await openBilling(dataDir);
    await billing.accounts.open('acme', 'artisan');
    // As that release credited it: the entry says nothing of what it was paid with.
    await billing.accounts.topUp('acme', 'stripe:pi_paid', 8_500, 'plan');
  });
  afterEach(() => billing.close());

  const tokens = async () => (await billing.accounts.get('acme')).totals.balance;

  it('are listed without a date, are no finding of the audit, and go back when they are refunded', async () => {
    const { items } = await billing.paymentDocuments.list({ accountId: 'acme' }, 10);
    expect(items).toMatchObject([{ id: 'stripe:pi_paid', value: { state: 'paid', receivedMs: 0 } }]);
    expect((await audited(billing.audit)).findings).toEqual([]);
    const before = await tokens();
    expect(await deliver(billing, refundEvent('pi_paid', 2_000))).toBe('applied');
    expect(before - (await tokens())).toBe(8_500);
    expect((await audited(billing.audit)).findings).toEqual([]);
  });

  it('give nothing for a payment that comes after its refund', async () => {
    const before = await tokens();
    await deliver(billing, checkoutEvent('pi_refunded_first', 'medium'));
    expect(await tokens()).toBe(before);
    expect((await audited(billing.audit)).findings).toEqual([]);
  });
});
