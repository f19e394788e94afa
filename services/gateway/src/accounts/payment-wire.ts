import type { Payment } from '@tessera/contracts/tessera/billing/v1/payments_pb.js';

/** Payments as JSON and CSV. Amounts are in the currency's smallest unit. */

const timeOf = (ms: bigint): string => new Date(Number(ms)).toISOString();

/** By the provider's clock, or when it came here. */
const dateOf = ({ occurredMs, receivedMs }: Payment): string | undefined => {
  const ms = occurredMs || receivedMs;
  return ms === 0n ? undefined : timeOf(ms);
};

const optional = <Name extends string, T>(name: Name, value: T | undefined | ''): { [N in Name]?: T } =>
  value === undefined || value === '' ? {} : ({ [name]: value } as { [N in Name]: T });

export const paymentWire = (payment: Payment) => ({
  paymentId: payment.paymentId,
  provider: payment.provider,
  accountId: payment.accountId,
  ...optional('pack', payment.pack),
  ...optional('subscriptionId', payment.subscriptionId),
  ...optional('amount', payment.amount === undefined ? undefined : Number(payment.amount)),
  ...optional('currency', payment.currency),
  ...optional('date', dateOf(payment)),
  state: payment.state,
  ...optional('waitsFor', payment.waitsFor),
  ...(payment.pack === '' ? {} : { tokens: Number(payment.tokens), wallet: payment.wallet }),
  refundedAmount: Number(payment.refundedAmount),
  lostAmount: Number(payment.lostAmount),
  refundedTokens: Number(payment.refundedTokens),
  ...(payment.periodUntilMs === 0n ? {} : { period: { from: timeOf(payment.periodFromMs), to: timeOf(payment.periodUntilMs) } }),
});

const columns = {
  provider: ({ provider }: Payment) => provider,
  id: ({ paymentId }: Payment) => paymentId.slice(paymentId.indexOf(':') + 1),
  pack: ({ pack }: Payment) => pack,
  amount: ({ amount }: Payment) => amount ?? '',
  currency: ({ currency }: Payment) => currency,
  date: (payment: Payment) => dateOf(payment) ?? '',
  state: ({ state }: Payment) => state,
  account: ({ accountId }: Payment) => accountId,
  subscription: ({ subscriptionId }: Payment) => subscriptionId,
  tokens: ({ pack, tokens }: Payment) => (pack === '' ? '' : tokens),
  refunded_amount: ({ refundedAmount }: Payment) => refundedAmount,
  lost_amount: ({ lostAmount }: Payment) => lostAmount,
  refunded_tokens: ({ refundedTokens }: Payment) => refundedTokens,
  period_from: ({ periodFromMs }: Payment) => (periodFromMs === 0n ? '' : timeOf(periodFromMs)),
  period_to: ({ periodUntilMs }: Payment) => (periodUntilMs === 0n ? '' : timeOf(periodUntilMs)),
} as const;

export const paymentCsvHeader = `${Object.keys(columns).join(',')}\r\n`;

/** As RFC 4180 wants it. */
export const paymentCsv = (payment: Payment): string =>
  `${Object.values(columns)
    .map((valueOf) => cell(String(valueOf(payment))))
    .join(',')}\r\n`;

const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
