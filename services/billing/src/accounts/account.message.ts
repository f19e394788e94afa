import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccountSchema, EntitlementsSchema } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { Entitlements } from '../catalogue/entitlements.js';
import { usedByMember, type BucketBalance } from '../ledger/account.js';
import type { AccountSummary } from '../ledger/store/account.store.js';
import type { AccountOnPlan } from './accounts.js';
import { allowanceTokens, type Subscription } from '../ledger/terms.js';

export const bucketMessage = ({ bucket, balanceTokens, isFrozen }: BucketBalance) => ({
  bucket,
  balanceTokens: BigInt(balanceTokens),
  isFrozen,
});

export const entitlementsMessage = ({
  planName,
  forbidden,
  relaxedKinds,
  storedBytesMax,
  datasetPicturesMax,
}: Entitlements): MessageInitShape<typeof EntitlementsSchema> => ({
  planName,
  forbidden: forbidden.map((each) => ({ ...each })),
  relaxedKinds: [...relaxedKinds],
  storedBytesMax: BigInt(storedBytesMax),
  datasetPicturesMax,
});

export const accountMessage = (account: AccountOnPlan): MessageInitShape<typeof AccountSchema> => ({
  accountId: account.accountId,
  plan: account.plan,
  balanceTokens: BigInt(account.totals.balance - account.frozenTokens),
  frozenTokens: BigInt(account.frozenTokens),
  heldTokens: BigInt(account.totals.held),
  spentTokens: BigInt(account.totals.spent),
  expiredTokens: BigInt(account.totals.expired),
  grantedTokens: BigInt(account.totals.granted),
  buckets: account.buckets.map(bucketMessage),
  limits: account.limits,
  entitlements: entitlementsMessage(account.entitlements),
  createdMs: BigInt(account.createdMs),
  openHolds: account.openHolds,
  lastEntry: BigInt(account.lastEntry),
  renewsMs: BigInt(account.subscription?.renewsMs ?? 0),
  ...(account.subscription ? cycleMessages(account.subscription, account) : {}),
  ...(account.credits ? { credits: creditsMessage(account.credits) } : {}),
  utcOffsetMinutes: account.settings.utcOffsetMinutes ?? 0,
  limitsSet: {
    ...present('spendCapTokens', account.settings.spendCapTokens),
    ...present('lowBalanceTokens', account.settings.lowBalanceTokens),
  },
  members: account.settings.members.map(({ memberId, capTokens }) => ({
    memberId,
    ...present('capTokens', capTokens),
    usedTokens: BigInt(usedByMember(account.usage.byMember, memberId)),
  })),
});

const creditsMessage = ({ totals, settings, openHolds }: AccountSummary) => ({
  balanceCredits: BigInt(totals.balance),
  heldCredits: BigInt(totals.held),
  spentCredits: BigInt(totals.spent),
  grantedCredits: BigInt(totals.granted),
  ...present('lowBalanceCredits', settings.lowBalanceTokens),
  openHolds,
});

function cycleMessages({ terms, startedMs, bankCapTokens, next, paused }: Subscription, { usage }: AccountSummary) {
  return {
    cycle: {
      startedMs: BigInt(startedMs),
      allowanceTokens: BigInt(allowanceTokens(terms)),
      bankCapTokens: BigInt(bankCapTokens),
      usedTokens: BigInt(usage.tokens),
      seats: terms.seats,
      membersMax: terms.membersMax,
      hasRelaxedLane: terms.hasRelaxedLane,
      catalogueVersion: terms.catalogueVersion,
    },
    ...(next
      ? {
          nextPlan: {
            plan: next.terms.plan,
            seats: next.terms.seats,
            isCancellation: next.isCancellation,
            isPause: next.pause !== undefined,
            resumesMs: BigInt(next.pause?.resumesMs ?? 0),
          },
        }
      : {}),
    ...(paused ? { pausedPlan: { plan: paused.terms.plan, seats: paused.terms.seats, resumesMs: BigInt(paused.resumesMs ?? 0) } } : {}),
  };
}

const present = <Name extends string>(name: Name, tokens: number | undefined): { [N in Name]?: bigint } =>
  tokens === undefined ? {} : ({ [name]: BigInt(tokens) } as { [N in Name]: bigint });
