import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Account, Bucket, ComputeSpecSchema, CreditsWallet, Entitlements } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { ReconcileResponse } from '@tessera/contracts/tessera/billing/v1/reconciliation_pb.js';
import type {
  LintFinding,
  ListPlansResponse,
  SimulateCatalogueResponse,
  SimulatedOutcome,
} from '@tessera/contracts/tessera/billing/v1/catalogue_pb.js';
import type { GetStatementResponse, GetUsageResponse, Position, UsageRow } from '@tessera/contracts/tessera/billing/v1/reports_pb.js';
import type { z } from 'zod';
import { invalidField } from '../errors.js';
import type { quoteBody } from '../http/schemas/tessera.js';

/** Plans, accounts and reports as JSON: camelCase, tokens as whole numbers, times as ISO 8601. */

const timeOf = (ms: bigint): string => new Date(Number(ms)).toISOString();

export const bucketWire = ({ bucket, balanceTokens, isFrozen }: Bucket) => ({
  bucket,
  balanceTokens: Number(balanceTokens),
  ...(isFrozen ? { isFrozen } : {}),
});

const resumption = ({ resumesMs }: { readonly resumesMs: bigint }) => (resumesMs > 0n ? { resumesAt: timeOf(resumesMs) } : {});

const creditsWire = ({ balanceCredits, heldCredits, spentCredits, grantedCredits, lowBalanceCredits, openHolds }: CreditsWallet) => ({
  balanceCredits: Number(balanceCredits),
  heldCredits: Number(heldCredits),
  spentCredits: Number(spentCredits),
  grantedCredits: Number(grantedCredits),
  ...(lowBalanceCredits === undefined ? {} : { lowBalanceCredits: Number(lowBalanceCredits) }),
  openHolds,
});

/** What is to be priced, from the one flat body that the route takes for every kind. */
export function computeMessage({
  kind,
  model: modelId,
  width: widthPx,
  height: heightPx,
  images,
  steps,
  epochs = 0,
  complexity,
  superResolution,
  surcharges,
}: Omit<z.infer<typeof quoteBody>, 'wallet'>): MessageInitShape<typeof ComputeSpecSchema> {
  const sized = { modelId, widthPx, heightPx, surcharges };
  if (kind === 'image') return { spec: { case: kind, value: { ...sized, images, steps, superResolution } } };
  if (superResolution)
    throw invalidField('Super-resolution enlarges pictures as they are made; leave it out for other kinds.', 'superResolution');
  switch (kind) {
    case 'upscale':
      return { spec: { case: kind, value: { ...sized, images } } };
    case 'motion':
      return { spec: { case: kind, value: { ...sized, clips: images, isComplex: complexity === 'complex' } } };
    case 'training':
      return { spec: { case: kind, value: { ...sized, images, epochs } } };
  }
}

export const entitlementsWire = ({ planName, forbidden, relaxedKinds, storedBytesMax }: Entitlements) => ({
  planName,
  forbidden: forbidden.map(({ capability, plan }) => ({ capability, ...(plan === '' ? {} : { plan }) })),
  relaxedKinds,
  storedBytesMax: Number(storedBytesMax),
});

/** What an account has beside its tokens. */
export const termsWire = ({ cycle, nextPlan, pausedPlan, limitsSet, members, credits, utcOffsetMinutes }: Account) => ({
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
  ...(nextPlan
    ? {
        nextPlan: {
          plan: nextPlan.plan,
          seats: nextPlan.seats,
          isCancellation: nextPlan.isCancellation,
          isPause: nextPlan.isPause,
          ...resumption(nextPlan),
        },
      }
    : {}),
  ...(pausedPlan ? { pausedPlan: { plan: pausedPlan.plan, seats: pausedPlan.seats, ...resumption(pausedPlan) } } : {}),
  ...(credits ? { credits: creditsWire(credits) } : {}),
  ...(utcOffsetMinutes === 0 ? {} : { utcOffsetMinutes }),
  ...(limitsSet?.spendCapTokens === undefined ? {} : { spendCapTokens: Number(limitsSet.spendCapTokens) }),
  ...(limitsSet?.lowBalanceTokens === undefined ? {} : { lowBalanceTokens: Number(limitsSet.lowBalanceTokens) }),
  members: members.map(({ memberId, capTokens, usedTokens }) => ({
    memberId,
    ...(capTokens === undefined ? {} : { capTokens: Number(capTokens) }),
    usedTokens: Number(usedTokens),
  })),
});

export const plansWire = ({ catalogueVersion, plans, packs }: ListPlansResponse) => ({
  catalogueVersion,
  plans: plans.map(({ $typeName: _, $unknown: __, seatTokens, seatBankTokens, limits, ...plan }) => ({
    ...plan,
    seatTokens: Number(seatTokens),
    seatBankTokens: Number(seatBankTokens),
    limits: {
      requestsPerMinute: limits?.requestsPerMinute ?? 0,
      concurrentJobs: limits?.concurrentJobs ?? 0,
      queuedJobs: limits?.queuedJobs ?? 0,
    },
  })),
  packs: packs.map(({ pack, name, tokens, priceCents, wallet }) => ({ pack, name, tokens: Number(tokens), priceCents, wallet })),
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

const outcomeWire = ({ $typeName: _, $unknown: __, ...counts }: SimulatedOutcome) =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, Number(count)]));

/** One account of a simulation. */
export const simulationWire = ({ accountId, plan, real, simulated }: SimulateCatalogueResponse) => ({
  accountId,
  plan,
  ...(real ? { real: outcomeWire(real) } : {}),
  ...(simulated ? { simulated: outcomeWire(simulated) } : {}),
});

const perPicture = (tokens: bigint, pictures: bigint): number => Math.round((Number(tokens) / Number(pictures)) * 1_000) / 1_000;

const usageRowWire = ({ key, jobs, imagesDelivered, imagesAccepted, tokens }: UsageRow) => ({
  key,
  jobs: Number(jobs),
  imagesDelivered: Number(imagesDelivered),
  tokens: Number(tokens),
  imagesAccepted: Number(imagesAccepted),
  ...(imagesDelivered > 0n ? { tokensPerImage: perPicture(tokens, imagesDelivered) } : {}),
  ...(imagesAccepted > 0n ? { tokensPerAcceptedImage: perPicture(tokens, imagesAccepted) } : {}),
});

export const usageWire = ({ rows, total }: GetUsageResponse) => ({
  rows: rows.map(usageRowWire),
  ...(total ? { total: usageRowWire(total) } : {}),
});

export const statementWire = ({ opening, closing, lines }: GetStatementResponse) => ({
  ...(opening ? { opening: positionWire(opening) } : {}),
  lines: lines.map(({ kind, operations, tokens }) => ({ kind, operations: Number(operations), tokens: Number(tokens) })),
  ...(closing ? { closing: positionWire(closing) } : {}),
});
