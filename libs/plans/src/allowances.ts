import type { Entitlements, PlanLimits } from '@tessera/contracts/tessera/billing/v1/billing_pb.js';
import type { OfPlan } from './gate.js';

/** What an account's plan lets it do. 0 means unlimited. */
export type Allowances = OfPlan & {
  readonly requestsPerMinute: number;
  readonly concurrentJobsMax: number;
  readonly queuedJobsMax: number;
  readonly storedBytesMax: number;
  /** Of one dataset. */
  readonly datasetPicturesMax: number;
  /** Kinds of work that may wait in the relaxed lane. */
  readonly relaxedKinds: ReadonlySet<string>;
  /** Undefined where the answer that it comes from does not tell. */
  readonly memberIds?: ReadonlySet<string>;
};

/** As billing answers it. A billing that says nothing of entitlements forbids nothing. */
export const allowancesOf = ({
  limits,
  entitlements,
  members,
}: {
  readonly limits?: PlanLimits | undefined;
  readonly entitlements?: Entitlements | undefined;
  readonly members?: readonly { readonly memberId: string }[];
}): Allowances => ({
  requestsPerMinute: limits?.requestsPerMinute ?? 0,
  concurrentJobsMax: limits?.concurrentJobs ?? 0,
  queuedJobsMax: limits?.queuedJobs ?? 0,
  storedBytesMax: Number(entitlements?.storedBytesMax ?? 0n),
  datasetPicturesMax: entitlements?.datasetPicturesMax ?? 0,
  relaxedKinds: new Set(entitlements?.relaxedKinds),
  ...(members ? { memberIds: new Set(members.map(({ memberId }) => memberId)) } : {}),
  planName: entitlements?.planName ?? '',
  forbidden: new Map(entitlements?.forbidden.map(({ capability, planName }) => [capability, planName])),
});
