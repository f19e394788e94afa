import type { Account, Bucket } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { GetStatementResponse, GetUsageResponse, LintFinding, ListPlansResponse, Position, ReconcileResponse, SimulateCatalogueResponse, SimulatedOutcome, UsageRow } from '@tessera/contracts/tessera/billing/v1/economy_pb.js';

/** The economy as JSON: camelCase, tokens as whole numbers, times as ISO 8601. */

const timeOf = (ms: bigint): string => new Date(Number(ms)).toISOString();

export const bucketWire = ({ bucket, balanceTokens, isFrozen }: Bucket) => ({ bucket, balanceTokens: Number(balanceTokens), ...(isFrozen ? { isFrozen } : {}) });

/** What an account has beside its tokens. */
export const termsWire = ({ cycle, nextPlan, limitsSet, members }: Account) => ({
  ...(cycle
    ? {
        cycle: {
          startedAt: timeOf(cycle.startedMs),
          allowanceTokens: Number(cycle.allowanceTokens),
          bankCapTokens: Number(cycle.bankCapTokens),
          usedTokens: Number(cycle.usedTokens),
          seats: cycle.seats,
          membersMax: cycle.membersMax,
          hasRelaxedLane: cycle.hasRelaxedLane,
          catalogueVersion: cycle.catalogueVersion,
        },
      }
    : {}),
  ...(nextPlan ? { nextPlan: { plan: nextPlan.plan, seats: nextPlan.seats, isCancellation: nextPlan.isCancellation } } : {}),
  ...(limitsSet?.spendCapTokens === undefined ? {} : { spendCapTokens: Number(limitsSet.spendCapTokens) }),
  ...(limitsSet?.lowBalanceTokens === undefined ? {} : { lowBalanceTokens: Number(limitsSet.lowBalanceTokens) }),
  members: members.map(({ memberId, capTokens, usedTokens }) => ({ memberId, ...(capTokens === undefined ? {} : { capTokens: Number(capTokens) }), usedTokens: Number(usedTokens) })),
});

export const plansWire = ({ catalogueVersion, plans, packs }: ListPlansResponse) => ({
  catalogueVersion,
  plans: plans.map(({ $typeName: _, $unknown: __, seatTokens, seatBankTokens, limits, ...plan }) => ({
    ...plan,
    seatTokens: Number(seatTokens),
    seatBankTokens: Number(seatBankTokens),
    limits: { requestsPerMinute: limits?.requestsPerMinute ?? 0, concurrentJobs: limits?.concurrentJobs ?? 0, queuedJobs: limits?.queuedJobs ?? 0 },
  })),
  packs: packs.map(({ pack, name, tokens, priceCents }) => ({ pack, name, tokens: Number(tokens), priceCents })),
});

export const positionWire = (position: Position) => ({
  at: timeOf(position.atMs),
  lastEntry: Number(position.lastEntry),
  plan: position.plan,
  balanceTokens: Number(position.balanceTokens),
  frozenTokens: Number(position.frozenTokens),
  heldTokens: Number(position.heldTokens),
  spentTokens: Number(position.spentTokens),
  expiredTokens: Number(position.expiredTokens),
  grantedTokens: Number(position.grantedTokens),
  buckets: position.buckets.map(bucketWire),
});

/** One line of the reconciliation: `{finding}` or `{summary}`. */
export function reconcileWire({ result }: ReconcileResponse) {
  if (result.case === 'finding') {
    const { accountId, jobId, mismatch, detail } = result.value;
    return { finding: { accountId, jobId, mismatch, detail } };
  }
  if (result.case !== 'summary') return {};
  const { accounts, jobs, settlements, findings } = result.value;
  return { summary: { accounts: Number(accounts), jobs: Number(jobs), settlements: Number(settlements), findings: Number(findings) } };
}

export const lintWire = ({ severity, path, code, message }: LintFinding) => ({ severity, path, code, message });

const outcomeWire = ({ $typeName: _, $unknown: __, ...counts }: SimulatedOutcome) => Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)]));

/** One account of a simulation. */
export const simulationWire = ({ accountId, plan, real, simulated }: SimulateCatalogueResponse) => ({
  accountId,
  plan,
  ...(real ? { real: outcomeWire(real) } : {}),
  ...(simulated ? { simulated: outcomeWire(simulated) } : {}),
});

const usageRowWire = ({ key, jobs, imagesDelivered, tokens }: UsageRow) => ({
  key,
  jobs: Number(jobs),
  imagesDelivered: Number(imagesDelivered),
  tokens: Number(tokens),
  ...(imagesDelivered > 0n ? { tokensPerImage: Math.round((Number(tokens) / Number(imagesDelivered)) * 1_000) / 1_000 } : {}),
});

export const usageWire = ({ rows, total }: GetUsageResponse) => ({ rows: rows.map(usageRowWire), ...(total ? { total: usageRowWire(total) } : {}) });

export const statementWire = ({ opening, closing, lines }: GetStatementResponse) => ({
  ...(opening ? { opening: positionWire(opening) } : {}),
  lines: lines.map(({ kind, operations, tokens }) => ({ kind, operations: Number(operations), tokens: Number(tokens) })),
  ...(closing ? { closing: positionWire(closing) } : {}),
});
