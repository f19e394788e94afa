import type { Account } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';

export type BillingCall = { readonly method: string; readonly request: Record<string, unknown> };

const position = { balanceTokens: 25_000n, grantedTokens: 25_000n };
const usage = { key: '', jobs: 1n, imagesDelivered: 2n, tokens: 8n };

const waitingPayment = {
  paymentId: 'stripe:pi_1',
  provider: 'stripe',
  accountId: 'acme',
  pack: 'with, comma',
  amount: 2_000n,
  currency: 'usd',
  state: 'waiting',
  tokens: 8_500n,
  wallet: 'plan',
  occurredMs: 1_000n,
  receivedMs: 2_000n,
  waitsFor: 'plan_forbids_topups',
};
const paidInvoice = {
  paymentId: 'stripe:in_1',
  provider: 'stripe',
  accountId: 'acme',
  subscriptionId: 'stripe:sub_1',
  state: 'paid',
  receivedMs: 3_000n,
  periodFromMs: 1_000n,
  periodUntilMs: 5_000n,
};

/** Billing's economy as far as the gateway passes it on: remembers what was asked, answers something of the right shape. */
export function billingHandlers(
  calls: BillingCall[],
  account: (accountId: string) => Account,
): Record<string, (request: never) => unknown> {
  const noting = (method: string, answer: (accountId: string) => unknown) => (request: Record<string, unknown> & { accountId: string }) => {
    calls.push({ method, request });
    return answer(request.accountId);
  };
  const changes = ['ChangePlan', 'CancelPlan', 'PausePlan', 'ResumePlan', 'SetLimits', 'PutMember', 'RemoveMember', 'ReverseOperation'];
  return {
    ...Object.fromEntries(changes.map((method) => [method, noting(method, (accountId) => ({ account: account(accountId) }))])),
    ReceivePayment: noting('ReceivePayment', () => ({ outcome: 'applied' })),
    RecordPayment: noting('RecordPayment', (accountId) => ({ outcome: 'applied', account: account(accountId) })),
    RecordRefund: noting('RecordRefund', () => ({ outcome: 'repeated' })),
    ListPayments: (request: Record<string, unknown> & { pageToken: string }) => {
      calls.push({ method: 'ListPayments', request });
      return request.pageToken === '' ? { payments: [waitingPayment], nextPageToken: 'second' } : { payments: [paidInvoice] };
    },
    DecidePayment: noting('DecidePayment', () => ({ outcome: 'applied' })),
    GetCatalogue: noting('GetCatalogue', () => ({ catalogueJson: '[{"version":"test"}]' })),
    LintCatalogue: noting('LintCatalogue', () => ({
      findings: [{ severity: 'error', path: '0.plans', code: 'shape', message: 'There are none.' }],
    })),
    ListPlans: noting('ListPlans', () => ({
      catalogueVersion: 'test',
      plans: [{ plan: 'artisan', name: 'Artisan', priceCents: 3_000, cadence: 'monthly' }],
    })),
    GetBalanceAt: noting('GetBalanceAt', () => ({ position })),
    GetUsage: noting('GetUsage', () => ({ rows: [usage], total: usage })),
    GetStatement: noting('GetStatement', () => ({
      opening: {},
      closing: position,
      lines: [{ kind: 'allowance', operations: 1n, tokens: 25_000n }],
    })),
  };
}
