import {
  BillState,
  type Account,
  type AuditResponse,
  type Bill,
  type LedgerEntry,
  type Quote,
} from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { DescribeQueueResponse } from '@tessera/contracts/tessera/jobs/v1/jobs_pb.js';
import type { KeyDescription } from '../keys/keys.js';
import { bucketWire, entitlementsWire, termsWire } from '../accounts/billing-wire.js';

/** Our own resources as JSON: camelCase, tokens as whole numbers, times as ISO 8601. */

export const timeOf = (ms: bigint | number): string => new Date(Number(ms)).toISOString();

const lineWire = ({ kind, description, tokens }: Quote['lines'][number]) => ({ kind, description, tokens: Number(tokens) });

export const quoteWire = (quote: Quote) => ({
  catalogueVersion: quote.catalogueVersion,
  wallet: quote.wallet || 'plan',
  lines: quote.lines.map(lineWire),
  totalTokens: Number(quote.totalTokens),
});

export const accountWire = (account: Account) => ({
  accountId: account.accountId,
  plan: account.plan,
  balanceTokens: Number(account.balanceTokens),
  heldTokens: Number(account.heldTokens),
  spentTokens: Number(account.spentTokens),
  grantedTokens: Number(account.grantedTokens),
  expiredTokens: Number(account.expiredTokens),
  frozenTokens: Number(account.frozenTokens),
  buckets: account.buckets.map(bucketWire),
  limits: {
    requestsPerMinute: account.limits?.requestsPerMinute ?? 0,
    concurrentJobs: account.limits?.concurrentJobs ?? 0,
    queuedJobs: account.limits?.queuedJobs ?? 0,
  },
  ...(account.entitlements ? { entitlements: entitlementsWire(account.entitlements) } : {}),
  openHolds: account.openHolds,
  createdAt: timeOf(account.createdMs),
  ...(account.renewsMs > 0n ? { renewsAt: timeOf(account.renewsMs) } : {}),
  ...termsWire(account),
});

const billStates = {
  [BillState.UNSPECIFIED]: 'unknown',
  [BillState.HELD]: 'held',
  [BillState.SETTLED]: 'settled',
  [BillState.RELEASED]: 'released',
} as const satisfies Record<BillState, string>;

export const billWire = (bill: Bill, balanceTokens: number) => ({
  jobId: bill.jobId,
  state: billStates[bill.state],
  lane: bill.lane,
  wallet: bill.wallet || 'plan',
  ...(bill.quote ? { quote: quoteWire(bill.quote) } : {}),
  chargedLines: bill.chargedLines.map(lineWire),
  heldTokens: Number(bill.heldTokens),
  chargedTokens: Number(bill.chargedTokens),
  returnedTokens: Number(bill.returnedTokens),
  balanceTokens,
});

export const entryWire = (entry: LedgerEntry) => ({
  sequence: Number(entry.sequence),
  operationId: entry.operationId,
  kind: entry.kind,
  ...(entry.jobId ? { jobId: entry.jobId } : {}),
  postings: entry.postings.map(({ ledgerAccount, lotId, tokens }) => ({
    ledgerAccount,
    ...(lotId ? { lotId } : {}),
    tokens: Number(tokens),
  })),
  createdAt: timeOf(entry.createdMs),
  hash: entry.hash,
  balanceAfterTokens: Number(entry.balanceAfterTokens),
});

/** One line of the audit: `{finding}` or `{summary}`. */
export function auditWire({ result }: AuditResponse) {
  if (result.case === 'finding') {
    const { accountId, sequence, invariant, detail } = result.value;
    return { finding: { accountId, sequence: Number(sequence), invariant, detail } };
  }
  if (result.case !== 'summary') return {};
  const { $typeName: _, $unknown: __, ...counts } = result.value;
  return { summary: Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)])) };
}

export const queueWire = (queue: DescribeQueueResponse) => ({
  queuedJobs: queue.queuedJobs,
  runningJobs: queue.runningJobs,
  accountQueuedJobs: queue.accountQueuedJobs,
  accountRunningJobs: queue.accountRunningJobs,
  oldestWaitMs: Number(queue.oldestWaitMs),
});

export const keyWire = ({ id, prefix, name, scopes, memberId, project, wallet, createdMs, revokedMs, lastUsedMs }: KeyDescription) => ({
  id,
  prefix,
  name,
  scopes,
  ...(memberId === undefined ? {} : { memberId }),
  ...(project === undefined ? {} : { project }),
  ...(wallet === undefined ? {} : { wallet }),
  createdAt: timeOf(createdMs),
  ...(revokedMs === undefined ? {} : { revokedAt: timeOf(revokedMs) }),
  ...(lastUsedMs === undefined ? {} : { lastUsedAt: timeOf(lastUsedMs) }),
});
